/* Integer constant expressions are no sites, nor is what is only looked at.
 * sites: f: if
 */
#include <stddef.h>
#include <stdio.h>
struct s { int a; int b[4]; };
enum { K = 1 && 0, L = 3 };
static int table[(1 && 1) + 1] = {1 || 0, 1 ? 4 : 5};
#define ASSERT_SIZE(c) ((void)sizeof(char[1 - 2 * !(c)]))
static int f(int x)
{
	static int once = 1 && 1;
	static const int yes[] = {1 ? 2 : 3, 0 || 1};
	int n = 0;
	_Static_assert(sizeof(int) == 4 && 1, "int");
	enum { M = 1 ? 7 : 8 };
	struct local { int bits : (1 && 1) + 2; } l = {1};
	ASSERT_SIZE(sizeof(x) == 4 && 1);
	if (0)
		printf("never\n");
	if (sizeof(x) > 8 || L > 4)
		printf("never\n");
	while (1)
		break;
	do
		n++;
	while (0);
	switch (3) {
	case 3:
		n++;
	}
	n += (int)(sizeof(x && 1) + sizeof(int[x ? 1 : 2]) + offsetof(struct s, b[1 ? 2 : 3]));
	n += __builtin_types_compatible_p(__typeof__(x && 1), int);
	n += __builtin_choose_expr(1 && 1, 5, x ? 1 : 2);
	n += _Generic(x && 1, int: x ? 3 : 4, default: 0);
	__typeof__(x && 1) t = 3;
	n += (__typeof__(x || 1))t + __alignof__(x ? 1 : 2);
	if (__builtin_constant_p(x) && x > 3)
		n++;
	__asm__ volatile("" : : "r"(x && 1), "i"(1 && 1));
	if (x)
		n++;
	return n + M + l.bits + yes[1] + table[0] + once + K;
}
int handle(int x) { return f(x); }
int main(void)
{
	printf("%d %d\n", handle(0) > 0, handle(2) - handle(0));
	return 0;
}
