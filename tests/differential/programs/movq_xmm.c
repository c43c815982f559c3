/* SPDX-License-Identifier: GPL-2.0-only */
/* gcc -O2 swaps two neighbours by one 8-byte load into %xmm0. */
#include <stdio.h>
int ops[6] = {6, 5, 4, 3, 2, 1};
__attribute__((noinline)) int request(int n)
{
	for (int i = 1; i < n; i++)
		for (int j = 1; j < n; j++)
			if (ops[j - 1] > ops[j]) {
				int t = ops[j];
				ops[j] = ops[j - 1];
				ops[j - 1] = t;
			}
	return ops[0];
}
int main(void)
{
	printf("%d\n", request(6));
	return 0;
}
