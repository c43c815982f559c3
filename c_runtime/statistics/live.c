// SPDX-License-Identifier: GPL-2.0-only WITH GCC-exception-2.0
/*
 * Where this process has its counters, for those who look at it from outside while it runs
 * (`lp top`): they find section lp_live in the program's file, and read the process's memory. So
 * looking costs the process nothing, and there is nothing here but addresses.
 */
#include "lp_parameters.h"
#include "statistics/live.h"

static struct lp_live live __attribute__((section("lp_live"), used)) = {
    .magic = "LPLIVE",
    .version = LP_LIVE_VERSION,
    .bytes = sizeof(live),
    .mode = LP_MODE,
    .slots_used = lp_slots_used,
    .slot_count = LP_STACK_COUNT,
    .counts = &lp_slot_counts,
    .entries = &lp_entry_count,
    .sites = __start_lp_sites,
    .sites_end = __stop_lp_sites,
#if LP_QUEUE
    .ring = &lp_ring_counts,
    .ring_out = &lp_ring_out.position,
    .ring_in = &lp_ring_in.position,
#endif
    .ring_size = LP_RING_SIZE,
    .shut_out = &lp_shut_out,
    .slot_caller_rsp = offsetof(struct lp_slot, caller_rsp),
    .slot_requests = offsetof(struct lp_slot, requests),
    .slot_deopted = offsetof(struct lp_slot, deopted),
    .slot_deopted_request = offsetof(struct lp_slot, deopted_request),
    .site_size = sizeof(struct lp_site),
    .site_name = offsetof(struct lp_site, name),
    .site_file = offsetof(struct lp_site, file),
    .site_line = offsetof(struct lp_site, line),
    .site_hits = offsetof(struct lp_site, hits),
};

void lp_live_init(const char *elite)
{
	if (lp_slots.area) {
		live.slots =
		    (uint64_t)lp_slots.area + lp_slots.guard + lp_slots.stack - LP_SLOT_HEAD_SIZE;
		live.slot_stride = lp_slots.stride;
	}
	live.elite = elite;
}
