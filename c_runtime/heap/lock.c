// SPDX-License-Identifier: GPL-2.0-only WITH GCC-exception-2.0
/*
 * The heap's locks. Core: see heap/heap.h.
 */
#include "heap/heap.h"

/* How often a waiter looks again before it sleeps: longer than any lock of ours is held. */
#define LP_SPINS 200

/* Take a lock: 0 free, 1 held, 2 held and waited for (Drepper, Futexes are tricky, section 5). */
bool lp_lock(uint32_t *lock, bool wait)
{
	uint32_t expected = 0;

	if (LP_LIKELY(__atomic_compare_exchange_n(lock, &expected, 1, false, __ATOMIC_ACQUIRE,
						  __ATOMIC_RELAXED)))
		return true;
#ifndef __KERNEL__
	if (wait) {
		for (int spin = 0; spin < LP_SPINS; spin++) {
			__builtin_ia32_pause();
			expected = 0;
			if (!__atomic_load_n(lock, __ATOMIC_RELAXED) &&
			    __atomic_compare_exchange_n(lock, &expected, 1, false, __ATOMIC_ACQUIRE,
							__ATOMIC_RELAXED))
				return true;
		}
		while (__atomic_exchange_n(lock, 2, __ATOMIC_ACQUIRE))
			lp_side_wait(lock);
		return true;
	}
#else
	(void)wait;
#endif
	return false;
}

void lp_unlock(uint32_t *lock)
{
	if (LP_UNLIKELY(__atomic_exchange_n(lock, 0, __ATOMIC_RELEASE) == 2))
		lp_side_wake(lock);
}
