// SPDX-License-Identifier: GPL-2.0-only WITH GCC-exception-2.0
/*
 * The Fallback threads: they take queued requests from the ring and finish them (thesis, Figure
 * 3.2).
 *
 * A request that was queued goes on in another thread: what it reads through %fs from then on
 * (errno, thread-local variables, pthread_self) is that thread's. Addresses of thread-local
 * variables that it has taken before still mean the first thread's. Handlers for which that matters
 * want wait mode.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "lp_parameters.h"
#include "lp_runtime.h"

enum {
	DRAIN_SECONDS = 10, /* without any request that finishes */
};

enum state {
	STOPPED, /* a forked child has no threads until it queues something */
	STARTED,
	HOPELESS, /* threads can't be had: whoever queues finishes the request itself */
};

static int start_threads(int wanted, int *error);

static uint32_t state;
static uint64_t submitted, finished;
static struct lp_wait progress;
/* The slot that this thread is finishing. */
static __thread struct lp_slot *running __attribute__((tls_model("local-exec")));

static void finished_with(struct lp_slot *slot)
{
	lp_slot_put(slot);
	__atomic_fetch_add(&finished, 1, __ATOMIC_SEQ_CST);
	lp_wake(&progress, INT_MAX);
}

static void finish(struct lp_slot *slot)
{
	lp_slot_adopt(slot);
	running = slot;
	lp_resume_execution(slot);
	running = NULL;
	finished_with(slot);
}

/* A request ended the thread that it ran on: another one takes its place. */
static void replace_worker(void *unused)
{
	struct lp_slot *slot = running;
	int error;

	(void)unused;
	if (!slot)
		return;
	running = NULL;
	finished_with(slot);
	if (!start_threads(1, &error))
		fprintf(stderr, "lakeplacid: no thread in the place of one that ended: %s\n",
			strerror(error));
}

static void *work(void *unused)
{
	lp_overflow_thread();
	pthread_cleanup_push(replace_worker, NULL);
	for (;;)
		finish(lp_ring_pop());
	pthread_cleanup_pop(0);
	return unused;
}

/* Signals are for the application's own threads, except those that an instruction raises. */
static void block_signals(sigset_t *before)
{
	static const int synchronous[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL,
					  SIGTRAP, SIGSYS, SIGABRT};
	sigset_t set;

	sigfillset(&set);
	for (size_t i = 0; i < sizeof(synchronous) / sizeof(synchronous[0]); i++)
		sigdelset(&set, synchronous[i]);
	pthread_sigmask(SIG_BLOCK, &set, before);
}

/* How many threads could be started; *error: why not all. */
static int start_threads(int wanted, int *error)
{
	sigset_t before;
	int count = 0;

	*error = 0;
	block_signals(&before);
	while (count < wanted && !*error) {
		pthread_t thread;
		char name[16];

		*error = pthread_create(&thread, NULL, work, NULL);
		if (*error)
			break;
		pthread_detach(thread);
		snprintf(name, sizeof(name), "lp-fallback-%d", count);
		pthread_setname_np(thread, name);
		count++;
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return count;
}

void lp_workers_start(void)
{
	int error;

	if (start_threads(LP_WORKERS, &error) < LP_WORKERS)
		lp_refuse("lower `workers` in lp.toml, or let the program have more threads",
			  "no thread for queued requests: %s", strerror(error));
	state = STARTED;
}

/* In a forked child, at the first request that is queued. */
static void start_again(void)
{
	uint32_t expected = STOPPED;
	int saved_errno = errno;
	int error;

	if (__atomic_compare_exchange_n(&state, &expected, STARTED, false, __ATOMIC_SEQ_CST,
					__ATOMIC_SEQ_CST) &&
	    !start_threads(LP_WORKERS, &error))
		__atomic_store_n(&state, HOPELESS, __ATOMIC_SEQ_CST);
	errno = saved_errno;
}

void lp_workers_submit(struct lp_slot *slot)
{
	__atomic_fetch_add(&submitted, 1, __ATOMIC_SEQ_CST);
	if (__atomic_load_n(&state, __ATOMIC_RELAXED) == STOPPED)
		start_again();
	if (__atomic_load_n(&state, __ATOMIC_RELAXED) == HOPELESS)
		finish(slot);
	else
		lp_ring_push(slot);
	/* Pushed before another thread found out that there are no workers. */
	while (__atomic_load_n(&state, __ATOMIC_SEQ_CST) == HOPELESS && (slot = lp_ring_try_pop()))
		finish(slot);
}

/* Those that were queued by now; later ones don't keep the process from ending. The thread that
 * ends the process may be a worker itself, in the middle of a request. */
void lp_workers_drain(void)
{
	static const struct timespec patience = {.tv_sec = DRAIN_SECONDS};
	uint64_t wanted = __atomic_load_n(&submitted, __ATOMIC_SEQ_CST) - !!running;

	for (;;) {
		uint32_t ticket = lp_wait_prepare(&progress);
		uint64_t before = __atomic_load_n(&finished, __ATOMIC_SEQ_CST);

		if (before >= wanted) {
			lp_wait_cancel(&progress);
			return;
		}
		lp_wait_commit(&progress, ticket, &patience);
		if (__atomic_load_n(&finished, __ATOMIC_SEQ_CST) == before) {
			fprintf(stderr, "lakeplacid: %llu queued requests do not finish; ending\n",
				(unsigned long long)(wanted - before));
			return;
		}
	}
}

/* What is queued or running belongs to the parent's threads. */
void lp_workers_forked(void)
{
	lp_ring_init();
	state = STOPPED;
	submitted = !!running;
	finished = 0;
	progress = (struct lp_wait){0};
}
