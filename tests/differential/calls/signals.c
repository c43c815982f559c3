// SPDX-License-Identifier: GPL-2.0-only
/* Signals that arrive inside of calls that Elite made; handlers that make requests and that jump.
 */
#include <setjmp.h>
#include <signal.h>
#include <unistd.h>

#include "calls.h"

static volatile int handled;
static sigjmp_buf back;
static volatile int jumps;

static void handler(int number)
{
	(void)number;
	handled += request(-3);
	if (jumps)
		siglongjmp(back, 2);
}

PLAIN int interrupt(int n)
{
	volatile char frame[100 + 8 * (n & 7)];

	frame[n] = n;
	raise(SIGUSR1);
	return frame[n] + 1;
}

static __attribute__((noinline)) int jump_back(int n)
{
	volatile int how;

	jumps = 1;
	how = sigsetjmp(back, 1);
	if (!how)
		interrupt(n);
	jumps = 0;
	return how * 100;
}

int request(int n)
{
	sigset_t blocked, before;
	int result = 0;

	if (n < 0)
		return -n;
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGUSR1);
	sigprocmask(SIG_BLOCK, &blocked, &before);
	kill(getpid(), SIGUSR1);
	result += handled;
	sigprocmask(SIG_SETMASK, &before, NULL);
	result += interrupt(n);
	if (n % 2)
		result += jump_back(n);
	return answer(n, result);
}

int main(void)
{
	struct sigaction action = {.sa_handler = handler};

	sigaction(SIGUSR1, &action, NULL);
	serve();
	printf("handled: %d\n", handled);
	return 0;
}
