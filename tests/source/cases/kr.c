/* K&R definitions, implicit int, and functions without prototypes, in C90.
 * std: gnu90
 * sites: f: if and; g: cond
 */
#include <stdio.h>
static f(a, b)
	int a;
	char b;
{
	int c;
	if (a && b)
		return a;
	c = b;
	return c;
}
long g(p) char *p; { return p ? *p : 'x'; }
int handle(x) int x; { return f(x, x - 1) + g("abc") + undeclared(3); }
int undeclared(x) int x; { return x; }
int main() { printf("%d %d\n", handle(0), handle(2)); return 0; }
