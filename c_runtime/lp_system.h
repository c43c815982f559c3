/* SPDX-License-Identifier: GPL-2.0-only WITH GCC-exception-2.0 */
/* System calls without libc: nothing here touches errno or vector registers. */
#ifndef LP_SYSTEM_H
#define LP_SYSTEM_H

#include <sys/syscall.h>

/* System call `number`; -errno on failure. */
static inline long lp_system_call(long number, long a, long b, long c, long d, long e)
{
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	long result;

	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8)
			 : "rcx", "r11", "memory");
	return result;
}

#endif
