/* Loop conditions; a constant one is no site; `do … while (0)` is no loop.
 * sites: f: for if while do for if
 * loops: f: 7
 */
#include <stdio.h>
static int f(int n)
{
	int s = 0;
	for (int i = 0; i < n; i++)
		for (;;) {
			if (i > 2)
				break;
			s += i;
			break;
		}
	while (n-- > 0)
		s++;
	do
		s += 2;
	while (s < 10);
	do { s++; } while (0);
	for (; s < 20;)
		s += 3;
	for (int i = 0, j = 9;; i++, j--) {
		if (i > j)
			break;
		s++;
	}
	while (1)
		break;
	return s;
}
int handle(int x) { return f(x); }
int main(void)
{
	printf("%d %d\n", handle(0), handle(5));
	return 0;
}
