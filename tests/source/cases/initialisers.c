/* Conditions in automatic initialisers, compound literals, designators, and arguments.
 * sites: f: and or cond and cond
 */
#include <stdio.h>
struct p { int x, y; };
static int sum(struct p *p) { return p->x + p->y; }
static int f(int x)
{
	int a[3] = {x && 1, [2] = x || 0};
	struct p st = {.y = x ? 1 : 2};
	static int k = 1 && 1;
	return a[0] + a[1] + a[2] + st.y + k + ((int[]){x && 2, 3})[0] +
	       sum(&(struct p){.x = x > 1 ? 5 : 6});
}
int handle(int x) { return f(x); }
int main(void) { printf("%d %d\n", handle(0), handle(3)); return 0; }
