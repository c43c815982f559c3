// SPDX-License-Identifier: GPL-2.0-only WITH GCC-exception-2.0
/*
 * Leaving Elite: a stack's frames become the Fallback's (docs/projection.md; thesis 3.2, 3.4.2).
 *
 * Both sides are projections of one compiler output, so frames and registers are the same; only the
 * return addresses differ. The walk goes from the site outwards by the frame rules in the tables,
 * and ends at the first return address that is not Elite's.
 *
 * Runs with the application's vector and x87 registers live: general registers only, no libc.
 */
#include "lp_parameters.h"
#include "lp_runtime.h"

#if LP_STRESS
__thread uint64_t lp_force_visits __attribute__((tls_model("local-exec")));
#endif

/* One walk: `rsp` is the stack pointer in the frame at hand, `where` the callee-saved registers. */
struct walk {
	const struct lp_site *site;
	const struct lp_frame_rule *rule;
	uint64_t rsp;
	uint64_t limit; /* the frames end below it */
	uint64_t *where[LP_SAVED_COUNT];
};

static _Noreturn __attribute__((cold, noinline)) void
give_up(const struct walk *walk, const char *what, uint64_t value, uint64_t place)
{
	struct lp_text text;

	lp_text_init(&text, 2);
	lp_text_put(&text, "lakeplacid: cannot leave Elite at ");
	lp_text_put(&text, walk->site->name);
	lp_text_put(&text, " (");
	lp_text_put(&text, walk->site->file);
	lp_text_put(&text, ":");
	lp_text_put_number(&text, walk->site->line);
	lp_text_put(&text, "): ");
	lp_text_put(&text, what);
	lp_text_put(&text, " ");
	lp_text_put_address(&text, value);
	lp_text_put(&text, ", in the frame at ");
	lp_text_put_address(&text, place);
	lp_text_put(&text, "\n  remedy: this is a defect of LakePlacid; run with LP_ELITE=off");
	lp_die(&text);
}

/* The canonical frame address of the frame at hand. */
static uint64_t frame_address(const struct walk *walk)
{
	const struct lp_frame_rule *rule = walk->rule;
	uint64_t base = walk->rsp;
	uint64_t cfa;

	if (rule->cfa_register == LP_DWARF_RBP)
		base = *walk->where[LP_RBP];
	else if (rule->cfa_register != LP_DWARF_RSP)
		give_up(walk, "a frame rule names register", rule->cfa_register, walk->rsp);
	cfa = base + (int64_t)rule->cfa_offset;
	if (cfa < walk->rsp + 8 || cfa > walk->limit || cfa % 8)
		give_up(walk, "a frame rule gives the impossible frame address", cfa, walk->rsp);
	return cfa;
}

/* Note where the frame at hand saved its caller's registers. Compilers leave a rule standing after
 * they popped the register; what lies below %rsp then is no copy, and the register is right. */
static void find_saved(struct walk *walk, uint64_t cfa)
{
	for (int i = 0; i < LP_SAVED_COUNT; i++) {
		uint64_t place = cfa + 8 * (int64_t)walk->rule->saved[i];

		if (!walk->rule->saved[i])
			continue;
		if (walk->rule->saved[i] > -2)
			give_up(walk, "a frame rule saves a register at", place, cfa);
		if (place >= walk->rsp)
			walk->where[i] = (uint64_t *)place;
	}
}

/* Replace each Elite return address by the Fallback's; gives the place of the first other one. */
static uint64_t *translate(struct walk *walk)
{
	for (;;) {
		uint64_t cfa = frame_address(walk);
		uint64_t *return_address = (uint64_t *)(cfa - 8);
		const struct lp_return *record;

		find_saved(walk, cfa);
		walk->rsp = cfa;
		if (!lp_is_elite(*return_address))
			return return_address;
		record = lp_return_at(*return_address);
		if (!record)
			give_up(walk, "no table has the return address", *return_address, cfa);
		*return_address = (uint64_t)record->fallback;
		walk->rule = &record->rule;
	}
}

void lp_count_deopt(struct lp_site *site, struct lp_slot *slot)
{
	if (site)
		__atomic_fetch_add(&site->hits, 1, __ATOMIC_RELAXED);
	if (slot && slot->deopted_request != slot->requests) {
		slot->deopted_request = slot->requests;
		slot->deopted++;
		lp_slot_tidy_soon(slot);
	}
}

struct lp_way lp_leave(struct lp_registers *registers)
{
	struct lp_site *site = registers->site;
	uint64_t rsp = (uint64_t)(registers + 1); /* before the stub pushed the site */
	struct lp_slot *slot = lp_slot_at(rsp);
	struct walk walk = {
	    .site = site,
	    .rule = &site->rule,
	    .rsp = rsp,
	    .limit = slot ? (uint64_t)slot : UINT64_MAX,
	    .where = {&registers->rbx, &registers->rbp, &registers->r12, &registers->r13,
		      &registers->r14, &registers->r15},
	};
	struct lp_way way = {.target = site->fallback};
	struct lp_boundary boundary;

	lp_count_deopt(site, slot);
	if (LP_STRESS)
		lp_force_visits = 0;
	boundary.return_address = translate(&walk);
	for (int i = 0; i < LP_SAVED_COUNT; i++)
		boundary.saved[i] = *walk.where[i];
	way.slot = lp_cross(registers, &boundary);
	return way;
}
