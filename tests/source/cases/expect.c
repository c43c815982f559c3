/* __builtin_expect is a condition like any other, as are its operands.
 * sites: f: if and while if
 */
#include <stdio.h>
#define likely(x) __builtin_expect(!!(x), 1)
static int f(int x)
{
	if (__builtin_expect(x > 2 && x < 9, 0))
		return 1;
	while (likely(x > 0))
		x--;
	if (likely(x))
		return 2;
	return 3;
}
int handle(int x) { return f(x); }
int main(void) { printf("%d%d%d\n", handle(0), handle(3), handle(11)); return 0; }
