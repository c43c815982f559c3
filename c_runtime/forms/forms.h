/* SPDX-License-Identifier: GPL-2.0-only WITH GCC-exception-2.0 */
/*
 * Forms of library calls that Elite makes in the kernel (docs/kernel.md): lp_form_NAME does what
 * the library's NAME does, with the same memory effects and the same result. What it can't do
 * itself it leaves to NAME: such a call is a deopt, and what came before it has changed nothing.
 *
 * The code is projected as the application's is, and more of it is the processor's business than
 * usual: it has no vector registers, the compiler makes up no calls, and there are only two kinds
 * of inline assembly, a single `syscall` and a single string instruction.
 *
 * A page that is missing, a signal or a budget may move a form to user space between any two
 * instructions, where it goes on in the same C function. So forms use memory as NAME may: no byte
 * outside of the operands, but for what lies in the same aligned word or the same page.
 */
#ifndef LP_FORMS_H
#define LP_FORMS_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <sys/types.h>

#include "forms/thread.h"

#define LIKELY(x) __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)
/* A function of some C libraries only: a program that calls it has it. */
#define LP_SOME_LIBRARIES __attribute__((weak))

/* -- memory, a word at a time ------------------------------------------------------------------ */

typedef uint64_t lp_word __attribute__((may_alias, aligned(1)));
typedef uint32_t lp_half __attribute__((may_alias, aligned(1)));
typedef uint16_t lp_quarter __attribute__((may_alias, aligned(1)));

#define LP_WORD sizeof(lp_word)
#define LP_ONES 0x0101010101010101u
#define LP_HIGHS 0x8080808080808080u

static inline uint64_t lp_load(const void *from)
{
	return *(const lp_word *)from;
}

static inline void lp_store(void *to, uint64_t value)
{
	*(lp_word *)to = value;
}

/* Bit 7 of each byte of `word` that is zero. Above the lowest such byte others may be marked too.
 */
static inline uint64_t lp_zeros(uint64_t word)
{
	return (word - LP_ONES) & ~word & LP_HIGHS;
}

/* The byte of the lowest mark. */
static inline unsigned int lp_lowest(uint64_t marks)
{
	return (unsigned int)__builtin_ctzl(marks) / 8;
}

static inline uint64_t lp_every_byte(int byte)
{
	return (unsigned char)byte * LP_ONES;
}

/* The aligned word that `at` lies in: a page has all of it or nothing. */
static inline const char *lp_align(const void *at)
{
	return (const char *)((uintptr_t)at & -LP_WORD);
}

/* All bits of the bytes that lie in the aligned word ahead of `at`. */
static inline uint64_t lp_ahead(const void *at)
{
	return ((uint64_t)1 << (uintptr_t)at % LP_WORD * 8) - 1;
}

/* Whether the word at `at` lies in one page. */
static inline bool lp_in_page(const void *at)
{
	return ((uintptr_t)at & 4095) <= 4096 - LP_WORD;
}

/* -- system calls ------------------------------------------------------------------------------ */

/*
 * The instruction becomes a call of the driver in the kernel's form. What the driver does not do,
 * and what a signal interrupts, goes on here.
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

static inline int *lp_errno_location(void)
{
	int *known = lp_form_thread.errno_location;

	return LIKELY(known != NULL) ? known : __errno_location();
}

/* A result as the library gives it. */
static inline long lp_form_result(long result)
{
	if (LIKELY((unsigned long)result <= -4096UL))
		return result;
	*lp_errno_location() = (int)-result;
	return -1;
}

/* -- forms that others use --------------------------------------------------------------------- */

void *lp_form_memmove(void *to, const void *from, size_t count);
void *lp_form_memset(void *to, int byte, size_t count);
int lp_form_memcmp(const void *a, const void *b, size_t count);
void *lp_form_memchr(const void *from, int byte, size_t count);
void *lp_form_malloc(size_t size);
char *lp_form_strchrnul(const char *string, int byte);
size_t lp_form_strlen(const char *string);
size_t lp_form_strnlen(const char *string, size_t most);

#endif
