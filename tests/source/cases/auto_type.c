/* __auto_type and typeof keep their types.
 * sites: f: cond and and
 */
#include <stdio.h>
static double f(int x)
{
	__auto_type y = x ? 1.5 : 2.5;
	__typeof__(x && 1) z = x && 1;
	__auto_type p = &z;
	return y + *p + sizeof(z) + (x && *p);
}
int handle(int x) { return (int)(f(x) * 10); }
int main(void) { printf("%d %d\n", handle(0), handle(3)); return 0; }
