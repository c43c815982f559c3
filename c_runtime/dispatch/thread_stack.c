// SPDX-License-Identifier: GPL-2.0-only WITH GCC-exception-2.0
/*
 * Where the calling thread's own stack is: /proc/self/maps says so, read without libc. The main
 * thread looks at start, before a program can forbid itself that; another one when it first has to
 * know, which few ever have.
 *
 * A thread's stack ends upwards at its thread pointer: the C library puts what the thread has by
 * itself at the upper end. Downwards it ends at its guard, which is a mapping of its own.
 */
#include <fcntl.h>
#include <signal.h>

#include "lp_runtime.h"
#include "lp_system.h"

struct bounds {
	uint64_t low, high;
};

/* Of the calling thread's stack; both zero: not known. */
static __thread struct bounds stack __attribute__((tls_model("local-exec")));
static __thread bool looked __attribute__((tls_model("local-exec")));
static __thread bool is_main __attribute__((tls_model("local-exec")));

/* What has been read of a line of the file: hexadecimal numbers, LOW-HIGH and a space. */
struct line {
	uint64_t low, high;
	enum { AT_LOW, AT_HIGH, AT_REST } at;
};

/* One more character; true: the line's numbers are complete. */
static bool read_on(struct line *line, char c)
{
	unsigned int digit = c <= '9' ? c - '0' : c - 'a' + 10;

	switch (line->at) {
	case AT_LOW:
		if (c == '-')
			line->at = AT_HIGH;
		else
			line->low = line->low << 4 | digit;
		break;
	case AT_HIGH:
		if (c == ' ') {
			line->at = AT_REST;
			return true;
		}
		line->high = line->high << 4 | digit;
		break;
	case AT_REST:
		if (c == '\n')
			*line = (struct line){0};
		break;
	}
	return false;
}

/* The mapping that holds `address`, and where the one below it ends; false: not known. */
static bool find_mapping(uint64_t address, struct bounds *found, uint64_t *below)
{
	char text[512];
	struct line line = {0};
	bool is_found = false;
	long file, length;

	file = lp_system_call(SYS_openat, AT_FDCWD, (long)"/proc/self/maps", O_RDONLY | O_CLOEXEC,
			      0, 0);
	if (file < 0)
		return false;
	*below = 0;
	while (!is_found &&
	       (length = lp_system_call(SYS_read, file, (long)text, sizeof(text), 0, 0)) > 0) {
		for (long i = 0; i < length && !is_found; i++) {
			if (!read_on(&line, text[i]))
				continue;
			is_found = address >= line.low && address < line.high;
			if (is_found)
				*found = (struct bounds){line.low, line.high};
			else
				*below = line.high;
		}
	}
	lp_system_call(SYS_close, file, 0, 0, 0, 0);
	return is_found;
}

void lp_thread_stack_init(void)
{
	uint64_t below, usual = lp_thread_stacks.usual;
	struct bounds found;

	is_main = true;
	looked = true;
	if (!find_mapping((uint64_t)__builtin_frame_address(0), &found, &below))
		return;
	/* The kernel makes the mapping larger when it is needed. */
	if (found.high - found.low < usual)
		found.low = found.high - below < usual ? below : found.high - usual;
	stack = found;
}

static void look(void)
{
	struct bounds found;
	uint64_t below, self = lp_self();

	if (looked)
		return;
	if (find_mapping(self, &found, &below)) {
		/* A signal handler that looks meanwhile finds the same. */
		stack.high = self;
		stack.low = found.low;
	}
	looked = true;
}

bool lp_thread_stack_holds(uint64_t address)
{
	look();
	return address >= stack.low && address < stack.high;
}

bool lp_thread_stack_runs(uint64_t rsp)
{
	stack_t alternate;

	if (!(is_main ? lp_thread_stacks.main_is_plain : lp_thread_stacks.others_are_plain))
		return false;
	/* It may lie within the thread's stack. */
	if (lp_system_call(SYS_sigaltstack, 0, (long)&alternate, 0, 0, 0) ||
	    alternate.ss_flags & SS_ONSTACK)
		return false;
	return lp_thread_stack_holds(rsp);
}

bool lp_thread_stack_is_large(void)
{
	if (!lp_thread_stacks.may_be_large || is_main)
		return false;
	look();
	return stack.high - stack.low > lp_thread_stacks.usual;
}
