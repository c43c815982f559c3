/* Labels whose parent is no block take no statement behind them; such a switch is no site.
 * sites: f: if; g: switch if
 */
#include <stdio.h>
static int f(int x)
{
	int r = 0;
	switch (x)
	case 3:
		r += 100;
	if (x == 4)
		switch (x)
		default:
			r += 7;
	return r;
}
static int g(int x)
{
	switch (x) {
	case 1:
		if (x == 5)
		case 2:
			return 2;
		else
		case 3:
			return 3;
	}
	return 9;
}
int handle(int x) { return f(x) * 10 + g(x); }
int main(void)
{
	for (int i = 0; i < 6; i++)
		printf("%d ", handle(i));
	printf("\n");
	return 0;
}
