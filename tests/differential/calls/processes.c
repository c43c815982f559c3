// SPDX-License-Identifier: GPL-2.0-only
/* Processes that are made inside of a request: fork, vfork and those who call them. */
#include <errno.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "calls.h"

extern char **environ;
static int served_as_child;

/* What a child does that goes on as the program would: it must be the only one to do it. */
static __attribute__((noinline)) int as_child(int n)
{
	served_as_child++;
	return n + 5;
}

static int status_of(pid_t child)
{
	int status;

	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static __attribute__((noinline)) int forked(int n)
{
	pid_t child = fork();

	if (child == 0)
		_exit(as_child(n));
	return status_of(child);
}

static __attribute__((noinline)) int vforked(int n)
{
	char text[16];
	pid_t child;

	snprintf(text, sizeof(text), "exit %d", n + 7);
	child = vfork();
	if (child == 0) {
		execl("/bin/sh", "sh", "-c", text, NULL);
		_exit(1);
	}
	return status_of(child);
}

PLAIN int vforked_by_another(int n)
{
	return vforked(n + 1);
}

static __attribute__((noinline)) int spawned(int n)
{
	char text[16], *words[] = {"sh", "-c", text, NULL};
	pid_t child;

	snprintf(text, sizeof(text), "exit %d", n + 9);
	if (posix_spawn(&child, "/bin/sh", NULL, NULL, words, environ))
		return -1;
	return status_of(child);
}

int request(int n)
{
	int result = forked(n);

	if (n % 4 == 0)
		result = result * 100 + vforked(n);
	if (n % 4 == 1)
		result = result * 100 + vforked_by_another(n);
	if (n % 4 == 2)
		result = result * 100 + spawned(n);
	if (n % 4 == 3)
		result = result * 100 + system("exit 3") / 256;
	return answer(n, result);
}

int main(void)
{
	serve();
	printf("served as child: %d\n", served_as_child);
	return 0;
}
