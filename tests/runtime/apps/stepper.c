// SPDX-License-Identifier: GPL-2.0-only
/*
 * A debugger that steps through a program until it has saved its flags, then leaves it alone:
 * `stepper PROGRAM ARGUMENT...`. Its status is the program's.
 */
#include <stdio.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#define PUSHFQ 0x9c

static int stopped(pid_t pid)
{
	int status;

	return waitpid(pid, &status, 0) == pid && WIFSTOPPED(status);
}

static int step(pid_t pid)
{
	return ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL) == 0 && stopped(pid);
}

static int next_byte(pid_t pid)
{
	struct user_regs_struct registers;

	ptrace(PTRACE_GETREGS, pid, NULL, &registers);
	return (int)(ptrace(PTRACE_PEEKTEXT, pid, registers.rip, NULL) & 0xff);
}

int main(int argc, char **argv)
{
	pid_t pid = argc > 1 ? fork() : -1;
	int status;

	if (pid == 0) {
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		execv(argv[1], argv + 1);
		_exit(127);
	}
	if (pid < 0 || !stopped(pid))
		return 126;
	while (next_byte(pid) != PUSHFQ)
		if (!step(pid))
			return 126;
	if (!step(pid))
		return 126;
	ptrace(PTRACE_DETACH, pid, NULL, NULL);
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
