// SPDX-License-Identifier: GPL-2.0-only
/* Requests that end their process, as servers do that fork for each connection. */
#include <sys/wait.h>
#include <unistd.h>

#include "calls.h"

PLAIN void finish(int n)
{
	if (n % 2)
		exit(n);
	_exit(n + 1);
}

static __attribute__((noinline)) int work(int n)
{
	return abs(n - 9) + 2;
}

int request(int n)
{
	finish(work(n));
	return n;
}

int main(void)
{
	for (int n = 0; n < REQUESTS; n++) {
		pid_t child = fork();
		int status;

		if (child == 0)
			return request(n);
		waitpid(child, &status, 0);
		printf("%d: %d\n", n, WEXITSTATUS(status));
		fflush(stdout);
	}
	return 0;
}
