/* Calls by pointer, by member, by element, by expression; a name is direct however it is written.
 * sites: f: icall icall icall icall cond icall icall; g: icall
 * icalls: 7
 */
#include <stdio.h>
typedef int (*op)(int);
static int inc(int a) { return a + 1; }
static int dec(int a) { return a - 1; }
static op pick(int x) { printf("pick "); return x ? inc : dec; }
struct ops { op f; op g[2]; } ops = {inc, {dec, inc}};
static void stop(int x) { printf("stop %d\n", x); }
static void (*const volatile stopper)(int) __attribute__((unused)) = stop;
static int f(int x)
{
	return ops.f(x) + ops.g[x & 1](x) + (*ops.f)(x) + (x ? inc : dec)(x) + pick(x)(x) +
	       ((int (*)(int))(void *)ops.f)(3) + (*inc)(x) + (&dec)(x) + (inc)(x);
}
static int g(int x) { stopper(x); return x; }
int handle(int x) { return f(x) + g(x); }
int main(void) { printf("%d %d\n", handle(0), handle(3)); return 0; }
