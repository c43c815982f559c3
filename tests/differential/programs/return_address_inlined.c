/* SPDX-License-Identifier: GPL-2.0-only */
/* An inlined helper reads the return address: the helper is not Elite, its caller is, with the
 * helper's code in it, and sees the address of Elite's copy. Prints 1 when the address lies in
 * request's caller `use`. */
#include <stdio.h>
static inline __attribute__((always_inline)) char *where(void)
{
	return __builtin_return_address(0);
}
__attribute__((noinline)) char *leaf(void)
{
	return where();
}
__attribute__((noinline)) char *use(int *n)
{
	char *p = leaf();
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
