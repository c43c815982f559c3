/* Attributes in all places, a request function among them; naked functions are left alone.
 * sites: handle: if; f: cond
 * left: nothing ifunc_target
 */
#include <stdio.h>
static int __attribute__((noinline)) f(int x) { return x ? 1 : 2; }
__attribute__((naked, used)) static void nothing(void) { __asm__("ret"); }
static int three(void) { return 3; }
static int (*ifunc_target(void))(void) { return three; }
int by_ifunc(void) __attribute__((ifunc("ifunc_target")));
__attribute__((constructor)) static void early(void) { f(1); }
__extension__ __attribute__((noinline, section(".text.handle"))) int handle(int x)
{
	nothing();
	if (x > 1)
		return f(x);
	return by_ifunc();
}
int main(void) { printf("%d%d\n", handle(0), handle(3)); return 0; }
