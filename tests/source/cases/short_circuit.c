/* && and || log whether they go on; operands run in order, once, and only if they should.
 * sites: f: or and and or; g: if and and
 * reached: f:0:false f:0:true
 */
#include <stdio.h>
static int say(int x) { printf("(%d)", x); return x; }
static int f(int a, int b, int c) { return (say(a) && say(b)) || (say(c) && (say(a) || say(b))); }
static int g(int a, int b)
{
	if (a++ && b++ && a > b)
		return a;
	return b;
}
int handle(int x)
{
	int r = f(x & 1, x & 2, x & 4);
	return r * 10 + g(x, 3 - x);
}
int main(void)
{
	for (int x = 0; x < 8; x++)
		printf("%d\n", handle(x));
	return 0;
}
