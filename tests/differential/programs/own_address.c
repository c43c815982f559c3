/* SPDX-License-Identifier: GPL-2.0-only */
/* Asm statements that tell where they stand, inlined: not in Elite. */
#include <stdio.h>

static inline __attribute__((always_inline)) char *here(void)
{
	char *p;

	__asm__ volatile("1:\tleaq 1b(%%rip), %0" : "=r"(p));
	return p;
}

static inline __attribute__((always_inline)) char *next(void)
{
	char *p;

	__asm__ volatile("leaq 0(%%rip), %0" : "=r"(p));
	return p;
}

__attribute__((noinline)) int work(int n)
{
	char *p = here(), *q = next();

	return n + (p >= (char *)work && p < (char *)work + 200 && q > p && q < p + 200);
}

__attribute__((noinline)) int request(int n)
{
	return work(n) + 1;
}

int main(void)
{
	for (int i = 0; i < 3; i++)
		printf("%d\n", request(i));
	return 0;
}
