/* Pragmas stay on lines of their own.
 * sites: f: for if
 */
#include <stdio.h>
static int f(int x)
{
#pragma GCC diagnostic push
	int s = 0;
#pragma GCC unroll 2
	for (int i = 0; i < x; i++)
		s += i;
	if (x > 2)
		s++;
#pragma GCC diagnostic pop
	return s;
}
int handle(int x) { return f(x); }
int main(void) { printf("%d %d\n", handle(0), handle(4)); return 0; }
