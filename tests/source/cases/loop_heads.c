/* The loop function: loops with and without braces, with a declaration or a local label first.
 * loop: main
 * sites: main: for for while if for if while
 * loops: main: 6
 */
#include <stdio.h>
int handle(int x) { return x + 1; }
int main(void)
{
	int n = 0;
	for (int i = 0; i < 2; i++) {
		int r = handle(i);
		n += r;
		for (int j = 0; j < 2; j++) {
			n += j;
		}
	}
	while (n < 10)
		n = handle(n);
	for (;;)
		if (n++ > 12) break;
	for (; n < 20;) {
		__label__ next;
		if (n & 1) goto next;
		n++;
	next:
		n++;
	}
	while (n < 25) { n++; continue; }
	printf("%d\n", n);
	return 0;
}
