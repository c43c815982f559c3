/* Strict C90: what is added needs no extension and stands before declarations.
 * std: c90
 * flags: -pedantic-errors -Wdeclaration-after-statement -Werror
 * sites: f: if and while switch icall; main: for
 */
#include <stdio.h>
typedef int (*op)(int);
static int inc(int x) { return x + 1; }
static op table[1] = {inc};
static int f(int x)
{
	int y = 1;
	if (x > 1 && x < 4) {
		int z = x;
		y += z;
	}
	while (x > 0) {
		int w = 2;
		x -= w;
	}
	switch (y) {
	case 1:
		y = 5;
		break;
	}
	return table[0](y);
}
int handle(int x) { int r = f(x); return r; }
int main(void)
{
	int i;
	for (i = 0; i < 6; i++) {
		int r = handle(i);
		printf("%d ", r);
	}
	return 0;
}
