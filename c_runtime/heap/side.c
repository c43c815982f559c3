// SPDX-License-Identifier: GPL-2.0-only WITH GCC-exception-2.0
/*
 * What the user side provides to the core: the heap itself, and how to wait for its locks.
 */
#include <linux/futex.h>

#include "heap/heap.h"
#include "lp_system.h"

struct lp_heap lp_heap;

void lp_side_wait(uint32_t *lock)
{
	lp_system_call(SYS_futex, (long)lock, FUTEX_WAIT_PRIVATE, 2, 0, 0);
}

void lp_side_wake(uint32_t *lock)
{
	lp_system_call(SYS_futex, (long)lock, FUTEX_WAKE_PRIVATE, 1, 0, 0);
}
