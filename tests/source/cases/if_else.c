/* Plain conditionals, else-if chains, nested ones, and no braces.
 * sites: f: if if if if if
 * reached: f:0:true f:0:false f:1:true f:1:false f:2:false f:4:false
 * missed: f:2:true f:3:true f:3:false f:4:true
 */
#include <stdio.h>
static int f(int x)
{
	if (x < 0)
		return 1;
	else if (x == 0) {
		return 2;
	} else if (x > 100)
		if (x > 200) return 3; else return 4;
	if (x == 50)
		return 5;
	return 6;
}
int handle(int x) { return f(x); }
int main(void)
{
	printf("%d %d %d\n", handle(-1), handle(0), handle(7));
	return 0;
}
