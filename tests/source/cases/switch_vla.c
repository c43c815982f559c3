/* No label is added where a jump to it would pass a variably modified type or a cleanup.
 * sites: f: switch; g: switch; h: switch
 * arms: f:0: case0 default; g:0: case0 default; h:0: case0 default
 */
#include <stdio.h>
static int f(int n)
{
	int r = 0;
	switch (n) {
	case 3:;
		int v[n + 1];
		v[n] = 2;
		r = v[n];
	}
	return r;
}
static void bye(int *p) { printf("bye %d\n", *p); }
static int g(int n)
{
	switch (n) {
	case 4:;
		int x __attribute__((cleanup(bye))) = n;
		n = x + 1;
	}
	return n;
}
static int h(int n)
{
	switch (n) {
	case 5:;
		int plain = n;
		n = plain + 1;
	}
	return n;
}
int handle(int x) { return f(x) * 100 + g(x) * 10 + h(x); }
int main(void)
{
	for (int i = 2; i < 7; i++)
		printf("%d\n", handle(i));
	return 0;
}
