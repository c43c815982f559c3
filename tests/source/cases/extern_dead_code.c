/* Dead code behind a constant stays dead: a function that exists nowhere is named in it.
 * sites: f: if
 */
#include <stdio.h>
extern int nowhere(void);
#define BUILD_ASSERT(c) do { if (!(c)) nowhere(); } while (0)
static int f(int x)
{
	BUILD_ASSERT(sizeof(x) == 4);
	if (0 && x)
		nowhere();
	if (x > 1)
		return 1;
	return 0 ? nowhere() : 2;
}
int handle(int x) { return f(x); }
int main(void) { printf("%d%d\n", handle(1), handle(2)); return 0; }
