/* SPDX-License-Identifier: GPL-2.0-only */
/* clang, no -g: the alias's `.set` is lost, and the call goes to the C library's function of that
 * name. */
#include <stdio.h>
#include <stdlib.h>
int my_rand(void)
{
	static int x = 41;
	return ++x;
}
int rand(void) __attribute__((alias("my_rand")));
__attribute__((noinline)) int request(int x)
{
	return x + rand();
}
int main(void)
{
	for (int i = 0; i < 3; i++)
		printf("%d\n", request(0));
	return 0;
}
