/* setjmp in conditions, and a request that is left by longjmp.
 * sites: attempt: if; fail: if
 */
#include <setjmp.h>
#include <stdio.h>
static jmp_buf back;
static void fail(int x)
{
	if (x & 1)
		longjmp(back, x);
}
int handle(int x) { fail(x); return x; }
static int attempt(int x)
{
	if (setjmp(back))
		return -1;
	return handle(x);
}
int main(void)
{
	for (int i = 0; i < 4; i++)
		printf("%d ", attempt(i));
	return 0;
}
