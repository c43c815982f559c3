// SPDX-License-Identifier: GPL-2.0-only WITH GCC-exception-2.0
/*
 * Forced deopts (stress builds): at each site that a check guards, decide whether to leave.
 *
 * Runs with the application's vector and x87 registers live: general registers only, no libc.
 */
#include "lp_runtime.h"

struct lp_force lp_force_request;
uint8_t lp_force_armed;

/* Of one thread: where it made the visits that lp_force_visits counts. */
struct visits {
	const struct lp_slot *slot; /* where that was, */
	uint64_t request;	    /* in which request, */
	uint64_t entries;	    /* and what lp_entry_count said */
	uint64_t random;
	bool seeded;
};

static __thread struct visits visits __attribute__((tls_model("local-exec")));

/* Number this visit, from 1 at the first after an enter. */
static uint64_t number_of_visit(const struct lp_registers *registers)
{
	const struct lp_slot *slot = lp_slot_at((uint64_t)registers);
	uint64_t request = slot ? slot->requests : 0;
	uint64_t entries = __atomic_load_n(&lp_entry_count, __ATOMIC_RELAXED);

	if (visits.slot != slot || visits.request != request || visits.entries != entries)
		lp_force_visits = 0;
	visits.slot = slot;
	visits.request = request;
	visits.entries = entries;
	return ++lp_force_visits;
}

/* splitmix64 (S. Vigna, public domain); each thread has its own sequence of the seed. */
static uint64_t next_random(void)
{
	static uint64_t threads;
	uint64_t x;

	if (!visits.seeded) {
		uint64_t ordinal = __atomic_fetch_add(&threads, 1, __ATOMIC_RELAXED);

		visits.random = lp_force_request.seed + ordinal * 0xbf58476d1ce4e5b9;
		visits.seeded = true;
	}
	visits.random += 0x9e3779b97f4a7c15;
	x = visits.random;
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
	x = (x ^ x >> 27) * 0x94d049bb133111eb;
	return x ^ x >> 31;
}

static bool is_forced(const struct lp_registers *registers)
{
	switch (lp_force_request.mode) {
	case LP_FORCE_ALL:
		return true;
	case LP_FORCE_SITE:
		return registers->site->forced;
	case LP_FORCE_NTH:
		return number_of_visit(registers) == lp_force_request.nth;
	case LP_FORCE_RANDOM:
		return lp_force_request.probability == UINT64_MAX ||
		       next_random() < lp_force_request.probability;
	case LP_FORCE_NONE:
		break;
	}
	return false;
}

struct lp_way lp_force_or_go_on(struct lp_registers *registers)
{
	if (is_forced(registers))
		return lp_leave(registers);
	return (struct lp_way){.target = registers->site->elite};
}
