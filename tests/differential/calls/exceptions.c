// SPDX-License-Identifier: GPL-2.0-only
/* Exceptions of C++ that pass through frames of C, with cleanups in some of them. */
#include "calls.h"

int thrower(int n);			/* exceptions_library.cc */
int catcher(int (*function)(int), int); /* calls function, catches */

static int cleaned;

static void clean(const int *what)
{
	cleaned += *what;
}

static __attribute__((noinline)) int middle(int n)
{
	__attribute__((cleanup(clean))) int three = 3;
	int result = n % 2 ? thrower(n) : 0;

	if (n % 5 == 0) {
		__attribute__((cleanup(clean))) int seven = 7;

		result += thrower(n + 1) + seven;
	}
	return result + three;
}

static __attribute__((noinline)) int without_cleanup(int n)
{
	return middle(n) * 2;
}

int request(int n)
{
	return without_cleanup(n) + 1;
}

int main(void)
{
	for (int n = 0; n < REQUESTS; n++)
		printf("%d: %d\n", n, catcher(request, n));
	printf("cleaned: %d\n", cleaned);
	return 0;
}
