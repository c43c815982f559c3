/* A nested function is gcc's own: the function around it is left alone, and told of.
 * compilers: gcc
 * sites: g: cond
 * left: f
 */
#include <stdio.h>
static int f(int x)
{
	int inner(int y) { return y > x ? 1 : 2; }
	if (x)
		return inner(3);
	return inner(0);
}
static int g(int x) { return x ? 1 : 2; }
int handle(int x) { return f(x) + g(x); }
int main(void) { printf("%d %d\n", handle(0), handle(1)); return 0; }
