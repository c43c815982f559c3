// SPDX-License-Identifier: GPL-2.0-only
/*
 * Does what it is told on standard input, a word for what and a word for where, and says what came
 * of it. What goes wrong is a signal, which it survives, or not (`die`).
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static sigjmp_buf back;
static long cell = 42;
static const long constant = 43;
static volatile long sink;

static long half(long x)
{
	return x / 2;
}

static long (*pointer)(long) = half;

/* Each frame takes some stack, and is still needed when its callee returns. */
static __attribute__((noinline)) long deep(long n)
{
	volatile char some[200];

	some[n % 200] = (char)n;
	if (!n)
		return some[0];
	return deep(n - 1) + some[n % 200];
}

__attribute__((noinline)) long handle(char what, long value)
{
	long sum = 0;

	switch (what) {
	case 'r':
		return *(volatile long *)value;
	case 'w':
		*(volatile long *)value = 44;
		return 1;
	case 'd':
		return 84 / value;
	case 'j':
		return ((long (*)(long))value)(84);
	case 'l':
		for (long i = 0; i < value; i++)
			sum += sink;
		return sum;
	case 's':
		return deep(value);
	case 'c':
		memcpy((void *)value, &constant, sizeof(constant));
		return cell;
	case 'p':
		return write((int)value, "x", 1);
	case 't':
		if (value)
			__builtin_trap();
		return 7;
	}
	return -1;
}

static void on_signal(int number, siginfo_t *info, void *context)
{
	(void)context;
	/* The address of a fault in the kernel's half is not told, in a plain build either. */
	printf("signal %d at %s\n", number,
	       number == SIGSEGV && info->si_addr == NULL ? "null" : "some address");
	siglongjmp(back, 1);
}

/* A pipe that nobody reads. */
static int to_nobody(void)
{
	int ends[2];

	if (pipe(ends))
		return -1;
	close(ends[0]);
	return ends[1];
}

static long where(const char *name, char *gone)
{
	if (!strcmp(name, "cell"))
		return (long)&cell;
	if (!strcmp(name, "constant"))
		return (long)&constant;
	if (!strcmp(name, "function"))
		return (long)pointer;
	if (!strcmp(name, "file"))
		return open("/dev/null", O_WRONLY | O_CLOEXEC);
	if (!strcmp(name, "nobody"))
		return to_nobody();
	if (!strcmp(name, "gone"))
		return (long)gone;
	return (long)strtoull(name, NULL, 0);
}

int main(void)
{
	static const int caught[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGPIPE};
	struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_NODEFER};
	char *gone = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char line[128], what[16], name[64];

	munmap(gone, 4096);
	for (size_t i = 0; i < sizeof(caught) / sizeof(*caught); i++)
		sigaction(caught[i], &action, NULL);
	setvbuf(stdout, NULL, _IOLBF, 0);
	while (fgets(line, sizeof(line), stdin)) {
		if (sscanf(line, "%15s %63s", what, name) != 2)
			continue;
		if (!strcmp(what, "die")) {
			for (size_t i = 0; i < sizeof(caught) / sizeof(*caught); i++)
				signal(caught[i], SIG_DFL);
			what[0] = name[0];
			strcpy(name, what[0] == 'p' ? "nobody" : "0");
		}
		if (!sigsetjmp(back, 1))
			printf("%s %s: %ld\n", what, name, handle(what[0], where(name, gone)));
	}
	return 0;
}
