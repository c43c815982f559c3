/* SPDX-License-Identifier: GPL-2.0-only */
#include <stdio.h>
__attribute__((noinline)) int request(int x)
{
	switch (x) {
	}
	return x + 1;
}
int main(void)
{
	printf("%d\n", request(3));
	return 0;
}
