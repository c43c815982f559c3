/* Statement expressions within conditions, with declarations, loops and returns in them.
 * sites: f: if and if for or
 */
#include <stdio.h>
#define max(a, b) ({ __typeof__(a) a_ = (a); __typeof__(b) b_ = (b); a_ > b_ ? a_ : b_; })
static int f(int x)
{
	if (({ int y = x; y && y > 2; }))
		return 1;
	if (({
		    int s = 0;
		    for (int i = 0; i < x; i++)
			    s += i;
		    if (0)
			    return 7;
		    s;
	    }))
		return 2;
	return ({ x || x + 1; }) + 3;
}
int handle(int x) { return f(x) + max(x, 2); }
int main(void) { printf("%d %d %d\n", handle(0), handle(2), handle(5)); return 0; }
