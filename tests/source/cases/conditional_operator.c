/* ?: nests, its type comes from both arms, GNU's a ?: b is left alone but for what is in it.
 * sites: f: cond cond; g: and; h: cond
 */
#include <stdio.h>
static int say(int x) { printf("(%d)", x); return x; }
static int f(int x) { return x < 0 ? say(1) : x > 5 ? say(2) : say(3); }
static int g(int x) { return (x && say(x)) ?: say(9); }
static int h(int x) { return sizeof(1 ? 1 : 2.0) + (x ? 1 : 2.5) * 2; }
int handle(int x) { return f(x) + g(x) + h(x); }
int main(void)
{
	printf("%d %d %d\n", handle(-1), handle(0), handle(6));
	return 0;
}
