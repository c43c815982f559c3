/* Computed goto: `&&label` is no operator.
 * sites: f: cond if
 */
#include <stdio.h>
static int f(int i)
{
	static void *const targets[] = {&&a, &&b};
	void *p = &&b;
	goto *(i & 1 ? targets[1] : p);
a:
	return 10;
b:
	if (i > 2)
		goto *targets[0];
	return 20;
}
int handle(int x) { return f(x); }
int main(void) { printf("%d %d %d\n", handle(0), handle(1), handle(3)); return 0; }
