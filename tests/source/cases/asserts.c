/* assert() is expanded already.
 * sites: f: if and if
 */
#include <assert.h>
#include <stdio.h>
static int f(int x)
{
	assert(x >= 0 && "negative");
	if (x > 2) return 1;
	return 2;
}
int handle(int x) { return f(x); }
int main(void) { printf("%d%d\n", handle(0), handle(3)); return 0; }
