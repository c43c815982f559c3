/* SPDX-License-Identifier: GPL-2.0-only */
/* A nested function whose address is taken: gcc puts a trampoline on the stack, which is
 * executable in the plain program, and so has to be the request's stack slot. */
#include <stdio.h>
__attribute__((noinline)) static int apply(int (*f)(int), int x)
{
	return f(x);
}
__attribute__((noinline)) static int helper(int n)
{
	int sum = 0;
	int add(int x)
	{
		sum += x;
		return sum;
	}

	for (int i = 0; i < n; i++)
		apply(add, i);
	return sum;
}
__attribute__((noinline)) int request(int n)
{
	return helper(n) + 1;
}
int main(void)
{
	for (int i = 0; i < 3; i++)
		printf("%d\n", request(10));
	return 0;
}
