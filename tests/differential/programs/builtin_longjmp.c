/* SPDX-License-Identifier: GPL-2.0-only */
/* __builtin_longjmp in a frameless Elite function: %rsp and %rbp change before the indirect jump,
 * where Elite deopts with the frame rule of the function that it no longer is in. */
#include <stdio.h>
static void *buf[5];
__attribute__((noipa)) static void jump(void)
{
	__builtin_longjmp(buf, 1);
}
__attribute__((noipa)) static int inner(int a)
{
	jump();
	return a;
}
__attribute__((noipa)) static int outer(int a)
{
	if (__builtin_setjmp(buf) == 0)
		return inner(a);
	return 42;
}
__attribute__((noinline)) int request(int a)
{
	return outer(a) + 1;
}
int main(void)
{
	for (int i = 0; i < 3; i++)
		printf("%d\n", request(i));
	return 0;
}
