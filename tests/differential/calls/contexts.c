// SPDX-License-Identifier: GPL-2.0-only
/* Coroutines: contexts that are taken in Elite and gone on with later, on stacks of their own. */
#include <ucontext.h>

#include "calls.h"

static ucontext_t caller, worker;
static int passed;

static __attribute__((noinline)) void yield(int value)
{
	passed = value;
	swapcontext(&worker, &caller);
}

static void body(int n)
{
	for (int i = 0; i < 3; i++)
#ifdef QUEUE /* which is no request within the request: it would be queued */
		yield(n * 3 + i);
#else
		yield(request(-n - i - 1));
#endif
	yield(-1);
}

static __attribute__((noinline)) int again(int n)
{
	ucontext_t here;
	volatile int times = 0;

	getcontext(&here);
	if (++times < 4)
		setcontext(&here);
	return times + n;
}

int request(int n)
{
	static char stack[256 * 1024];
	int sum = 0;

	if (n < 0)
		return -n * 3;
	getcontext(&worker);
	worker.uc_stack.ss_sp = stack;
	worker.uc_stack.ss_size = sizeof(stack);
	worker.uc_link = NULL;
	makecontext(&worker, (void (*)(void))body, 1, n);
	do {
		swapcontext(&caller, &worker);
		sum = sum * 2 + passed;
	} while (passed >= 0);
	return answer(n, sum + again(n));
}

int main(void)
{
	return serve();
}
