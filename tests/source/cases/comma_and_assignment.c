/* Commas, assignments and increments in conditions.
 * sites: f: if if while and
 */
#include <stdio.h>
static int say(int x) { printf("(%d)", x); return x; }
static int f(int x)
{
	int y;
	if (say(x), say(x - 1))
		y = 1;
	if ((y = x + 1) > 2)
		y++;
	while (y = y - 1, x++ < 3 && y)
		say(y);
	return y;
}
int handle(int x) { return f(x); }
int main(void) { printf("%d %d\n", handle(0), handle(2)); return 0; }
