/* Types that only gcc knows; a builtin that only gcc knows leaves its function alone.
 * compilers: gcc
 * sites: f: if cond
 * left: g
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
static _Float128 f(_Float128 x, _Float64 y)
{
	if (x > 1)
		return 2;
	_Complex _Float32 c = y ? 1 : 2;
	return __real__ c;
}
static _Float64x g(int x)
{
	if (x)
		return (_Float64x)1;
	return __builtin_has_attribute(f, noinline);
}
int handle(int x) { return (int)(f(x, x) + g(x)); }
int main(void) { printf("%d %d\n", handle(0), handle(3)); return 0; }
