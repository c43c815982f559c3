/* Cases from an expanded list, several on one line.
 * sites: f: switch cond cond cond
 */
#include <stdio.h>
#define LIST(X) X(1) X(2) X(3)
#define CASE(n) case n: return n * (x > 2 ? 10 : 100);
static int f(int x)
{
	switch (x) {
		LIST(CASE)
	}
	return -1;
}
int handle(int x) { return f(x); }
int main(void) { printf("%d %d %d\n", handle(0), handle(1), handle(3)); return 0; }
