/* A function with OpenMP pragmas is left alone: its loops have to keep their form.
 * sites: g: cond
 * left: f
 * flags: -fopenmp-simd
 */
#include <stdio.h>
static int f(int x)
{
	int s = 0;
#pragma omp simd reduction(+ : s)
	for (int i = 0; i < x; i++)
		s += i;
	return s;
}
static int g(int x) { return x ? 1 : 2; }
int handle(int x) { return f(x) + g(x); }
int main(void) { printf("%d\n", handle(9)); return 0; }
