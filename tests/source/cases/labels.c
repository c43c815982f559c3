/* Labels before conditionals, local labels, jumps into blocks and loops.
 * sites: f: if if if
 */
#include <stdio.h>
static int f(int x)
{
	__label__ again, out;
	int n = 0;
	goto in;
again:
	n++;
	if (x > 3) {
		__label__ local;
		goto local;
	local:
		x -= 2;
	in:
		n++;
	}
	if (n < 5)
		goto again;
out:
	if (n > 100)
		goto out;
	return x * 10 + n;
}
int handle(int x)
{
	{ __label__ a, b; goto b; a: return -1; b:; if (x < 0) goto a; }
	return f(x);
}
int main(void) { printf("%d %d %d\n", handle(-1), handle(0), handle(20)); return 0; }
