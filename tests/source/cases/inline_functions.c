/* Inline functions of all sorts; of external ones ISO C wants no static name in them.
 * flags: -pedantic-errors
 * sites: shared: if; own: if; old: cond
 */
#include <stdio.h>
inline int shared(int x);
inline int shared(int x)
{
	if (x > 1)
		return 1;
	return 2;
}
extern int shared(int x);
static inline int own(int x)
{
	if (x > 2)
		return 10;
	return 20;
}
extern __inline__ __attribute__((__gnu_inline__, __always_inline__)) int old(int x)
{
	return x ? 100 : 200;
}
int handle(int x) { return shared(x) + own(x) + old(x); }
int main(void) { printf("%d %d\n", handle(0), handle(3)); return 0; }
