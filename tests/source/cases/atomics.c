/* C11 atomics and thread-local storage.
 * sites: f: while if
 */
#include <stdatomic.h>
#include <stdio.h>
static _Thread_local int mine;
static _Atomic int shared;
static int f(int x)
{
	int old = atomic_load(&shared);
	while (!atomic_compare_exchange_weak(&shared, &old, old + x))
		;
	if (atomic_fetch_add_explicit(&shared, 1, memory_order_relaxed) > 3)
		mine++;
	return old + mine;
}
int handle(int x) { return f(x); }
int main(void) { printf("%d %d %d\n", handle(1), handle(2), handle(3)); return 0; }
