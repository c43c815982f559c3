/* SPDX-License-Identifier: GPL-2.0-only */
/* gcc -O0: a thread-local variable of the general dynamic model (by attribute); Elite copies the
 * first half of the sequence that the linker has to find whole. */
#include <stdio.h>
static __thread int b __attribute__((tls_model("local-dynamic"))) = 3;
__attribute__((noinline)) int request(int k)
{
	b += k;
	return b;
}
int main(void)
{
	printf("%d\n", request(4));
	return 0;
}
