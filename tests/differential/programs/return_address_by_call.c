/* SPDX-License-Identifier: GPL-2.0-only */
/* A helper of the same unit that is called looks at its return address, and at its caller's frame.
 */
#include <stdio.h>

__attribute__((noinline)) char *where(void)
{
	return __builtin_return_address(0);
}

__attribute__((noinline)) char *use(int *n)
{
	char *p = where();

	++*n;
	return p;
}

__attribute__((noinline)) int request(int n)
{
	char *p = use(&n);

	return p > (char *)use && p < (char *)use + 100;
}

int main(void)
{
	for (int i = 0; i < 3; i++)
		printf("%d\n", request(i));
	return 0;
}
