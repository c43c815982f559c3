/* SPDX-License-Identifier: GPL-2.0-only */
/* clang -O2: the flags of a test live on across the jump of a switch (`and; jmpq *table; arm:
 * jne`), and the kernel form's comparisons in the place of the table overwrite them. */
#include <stdio.h>
static int kind(int x)
{
	switch (x) {
	case 2:
	case 5:
	case 7:
	case 12:
		return 3;
	}
	return 8;
}
__attribute__((noinline)) int request(int n)
{
	int bad = 0;
	for (int i = -3; i < n; i++) {
		int k = kind(i);
		if (i == 2) {
			if (k != 3)
				return 100;
		} else if (i == 5) {
			if (k != 3)
				return 200;
		} else if (i == 7) {
			if (k != 3)
				return 300;
		} else if (i == 12) {
			if (k != 3)
				return 400;
		} else if (k != 8)
			return 500;
	}
	return bad;
}
int main(void)
{
	int r = request(40);
	printf("%d\n", r);
	return r != 0;
}
