// SPDX-License-Identifier: GPL-2.0-only WITH GCC-exception-2.0
/*
 * A request that runs over the end of its stack ends the program by SIGSEGV, as the plain one is
 * ended at the end of a thread's stack. Somebody who looks (LP_STATS) is told what it was.
 *
 * Only then: it takes a handler for the signal, and for each thread with requests a stack for it,
 * which a program may find when it asks for either. A handler of the program's own takes the place
 * of ours, as it would that of the default.
 */
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lp_parameters.h"
#include "lp_runtime.h"

enum { ALTERNATE = 65536 };

static bool watching;
/* The calling thread's stack for the handler, if it has one of ours. */
static __thread void *alternate __attribute__((tls_model("local-exec")));

static bool is_in_guard(uint64_t address)
{
	uint64_t low = address - (uint64_t)lp_slots.area;

	return lp_slots.area && low < lp_slots.stride * LP_STACK_COUNT &&
	       low % lp_slots.stride < lp_slots.guard;
}

static void faulted(int signal, siginfo_t *info, void *context)
{
	static const struct sigaction plain = {.sa_handler = SIG_DFL};
	struct lp_text text;

	(void)context;
	if (info->si_code > 0 && is_in_guard((uint64_t)info->si_addr)) {
		lp_text_init(&text, STDERR_FILENO);
		lp_text_put(&text, "lakeplacid: a request has used up its stack of ");
		lp_text_put_number(&text, lp_slots.stack / 1024);
		lp_text_put(&text, " KiB\n  remedy: start the program with a larger `ulimit -s`, "
				   "or give `stack_size` in lp.toml\n");
		lp_text_flush(&text);
	}
	/* The instruction faults again, or the signal comes again, and ends the program where it
	 * is. */
	sigaction(signal, &plain, NULL);
	if (info->si_code <= 0)
		raise(signal);
}

void lp_overflow_init(void)
{
	struct sigaction action;

	if (sigaction(SIGSEGV, NULL, &action) || action.sa_handler != SIG_DFL)
		return;
	action = (struct sigaction){.sa_sigaction = faulted, .sa_flags = SA_SIGINFO | SA_ONSTACK};
	watching = !sigaction(SIGSEGV, &action, NULL);
	lp_overflow_thread();
}

void lp_overflow_thread(void)
{
	stack_t stack = {.ss_size = ALTERNATE}, found;

	if (!watching || sigaltstack(NULL, &found) || !(found.ss_flags & SS_DISABLE))
		return;
	stack.ss_sp =
	    mmap(NULL, ALTERNATE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (stack.ss_sp == MAP_FAILED)
		return;
	if (sigaltstack(&stack, NULL))
		munmap(stack.ss_sp, ALTERNATE);
	else
		alternate = stack.ss_sp;
}

void lp_overflow_thread_end(void)
{
	static const stack_t none = {.ss_flags = SS_DISABLE};
	stack_t found;

	if (!alternate || sigaltstack(NULL, &found))
		return;
	/* The program may have given the thread one of its own since. */
	if (found.ss_sp != alternate || !sigaltstack(&none, NULL))
		munmap(alternate, ALTERNATE);
	alternate = NULL;
}
