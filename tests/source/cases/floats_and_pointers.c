/* Conditions of any scalar type: pointers, doubles, _Bool, complex parts, bit-fields, volatile.
 * sites: f: if and if if if if
 */
#include <stdbool.h>
#include <stdio.h>
struct b { unsigned bit : 1; volatile int v; };
static int f(const char *p, double d, bool t, struct b *b)
{
	int n = 0;
	if (p && *p)
		n += 1;
	if (d)
		n += 2;
	if (t)
		n += 4;
	if (b->bit)
		n += 8;
	if (b->v--)
		n += 16;
	return n;
}
int handle(int x)
{
	struct b b = {.bit = x & 1, .v = x >> 1};
	return f(x & 2 ? "a" : "", x & 4 ? 0.5 : -0.0, x & 1, &b) * 10 + b.v;
}
int main(void)
{
	for (int i = 0; i < 8; i++)
		printf("%d ", handle(i));
	return 0;
}
