/* Case ranges, fallthrough, stacked labels, a default in the middle, a declaration first, an
 * implicit default, and a switch within a switch.
 * sites: f: switch switch switch switch
 * arms: f:0: case0 case1 case2 case3 default; f:1: case0 default case1; f:2: default case0
 * reached: f:0:case1 f:0:case2 f:0:default f:1:default
 * missed: f:0:case3
 */
#include <stdio.h>
static int f(int x)
{
	int r = 0;
	switch (x) {
	case 1:
	case 2:
		r = 1;
	case 3 ... 5:
		r += 2;
		break;
	case 70: {
		int q = x;
		r = q;
		break;
	}
	}
	switch (x) {
	case 1:
		r += 1000;
		break;
	default:
		r += 10;
	case 9:
		r += 20;
	}
	switch (x & 1) {
		int z;
	default:
		z = 3;
		r += z;
		break;
	case 0:
		switch (r) { case 12: r = 99; }
	}
	return r;
}
int handle(int x) { return f(x); }
int main(void)
{
	for (int i = 0; i < 12; i++)
		printf("%d ", handle(i));
	printf("\n");
	return 0;
}
