/* SPDX-License-Identifier: GPL-2.0-only WITH GCC-exception-2.0 */
/*
 * Waiting for a condition that other threads make true, without a lock and without polling.
 *
 *	waiter				waker
 *	lp_wait_prepare → ticket	make the condition true (with a full barrier after it)
 *	condition true? lp_wait_cancel	lp_wake
 *	else lp_wait_commit(ticket), and again from the top
 *
 * A waker that sees no waiter costs one load. System calls are made directly: nothing here touches
 * errno or vector registers, so deopts may wait too.
 */
#ifndef LP_WAIT_H
#define LP_WAIT_H

#include <limits.h>
#include <linux/futex.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <time.h>

struct lp_wait {
	uint32_t sequence; /* moved on by each wake-up that somebody waits for */
	uint32_t waiters;
};

static inline long lp_futex(uint32_t *word, long operation, uint32_t value,
			    const struct timespec *timeout)
{
	register const struct timespec *r10 __asm__("r10") = timeout;
	long result;

	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "a"((long)SYS_futex), "D"(word), "S"(operation),
			   "d"((unsigned long)value), "r"(r10)
			 : "rcx", "r11", "memory");
	return result;
}

static inline uint32_t lp_wait_prepare(struct lp_wait *wait)
{
	__atomic_fetch_add(&wait->waiters, 1, __ATOMIC_SEQ_CST);
	return __atomic_load_n(&wait->sequence, __ATOMIC_SEQ_CST);
}

static inline void lp_wait_cancel(struct lp_wait *wait)
{
	__atomic_fetch_sub(&wait->waiters, 1, __ATOMIC_SEQ_CST);
}

/* Returns at a wake-up since lp_wait_prepare, at a signal, or at the time-out (relative; NULL:
 * none). The caller looks at its condition again in any case. */
static inline void lp_wait_commit(struct lp_wait *wait, uint32_t ticket,
				  const struct timespec *timeout)
{
	lp_futex(&wait->sequence, FUTEX_WAIT_PRIVATE, ticket, timeout);
	lp_wait_cancel(wait);
}

static inline void lp_wake(struct lp_wait *wait, uint32_t count)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (!__atomic_load_n(&wait->waiters, __ATOMIC_RELAXED))
		return;
	__atomic_fetch_add(&wait->sequence, 1, __ATOMIC_SEQ_CST);
	lp_futex(&wait->sequence, FUTEX_WAKE_PRIVATE, count, NULL);
}

#endif
