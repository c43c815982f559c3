/* asm goto, and operands of assembly that hold conditions.
 * sites: f: if
 */
#include <stdio.h>
static int f(int x)
{
	__asm__ goto("testl %0, %0; jz %l1" : : "r"(x) : "cc" : zero);
	if (x > 1)
		return 2;
	return 1;
zero:
	return 0;
}
int handle(int x) { int y = 0; __asm__("movl %1, %0" : "=r"(y) : "r"(x ? 1 : 2)); return f(x) * 10 + y; }
int main(void) { printf("%d %d %d\n", handle(0), handle(1), handle(2)); return 0; }
