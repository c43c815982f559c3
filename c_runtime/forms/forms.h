/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Forms of library calls that Elite makes in the kernel (docs/kernel.md): lp_form_NAME does what
 * the library's NAME does, or calls it, which is a deopt.
 *
 * Compiled without vector registers and without calls that the compiler makes up.
 */
#ifndef LP_FORMS_H
#define LP_FORMS_H

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <sys/types.h>

/* errno's address, as this thread has it; zero until the thread has told (lp_kernel.h). */
extern __thread int *lp_form_errno __attribute__((tls_model("local-exec"), visibility("hidden")));

/*
 * A system call. The one instruction becomes a call of the driver in the kernel's form; what the
 * driver does not do, or what a signal interrupts, goes on here.
 */
static inline long lp_form_syscall(long number, long a, long b, long c, long d, long e, long f)
{
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;

	__asm__ volatile("syscall"
			 : "+a"(number)
			 : "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return number;
}

/* A result as the library gives it. */
static inline long lp_form_result(long result)
{
	if ((unsigned long)result < -4095UL)
		return result;
	*(lp_form_errno ? lp_form_errno : __errno_location()) = (int)-result;
	return -1;
}

#endif
