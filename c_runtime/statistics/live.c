// SPDX-License-Identifier: GPL-2.0-only WITH GCC-exception-2.0
/*
 * Where this process has its counters, for those who look at it from outside while it runs
 * (`lp top`): they find section lp_live in the program's file, and read the process's memory. So
 * looking costs the process nothing, and there is nothing here but addresses.
 *
 * lp_build/top/process.py reads this; a change of the layout is a change of the version.
 */
#include "lp_parameters.h"
#include "lp_runtime.h"

enum { LIVE_VERSION = 2 };

static struct {
	char magic[8];
	uint32_t version;
	uint32_t bytes;
	const char *elite; /* "off", "inprocess" or "kernel"; NULL: the program has not begun */
	const char *mode;
	uint64_t slots;		    /* the head of the first; zero: Elite is off */
	const uint64_t *slots_used; /* bit n: slot n has a head, and memory */
	uint64_t slot_stride;
	uint64_t slot_count;
	const struct lp_slot_counts *counts;
	const uint64_t *entries;
	const struct lp_site *sites;
	const struct lp_site *sites_end;
	const struct lp_ring_counts *ring; /* NULL, and so what follows: there is no ring */
	const uint64_t *ring_out;	   /* how many were taken from it */
	const uint64_t *ring_in;	   /* how many were put into it */
	uint64_t ring_size;
	/* Offsets in struct lp_slot and struct lp_site. */
	uint32_t slot_caller_rsp;
	uint32_t slot_requests;
	uint32_t slot_deopted;
	uint32_t slot_deopted_request;
	uint32_t site_size;
	uint32_t site_name;
	uint32_t site_file;
	uint32_t site_line;
	uint32_t site_hits;
	uint32_t reserved;
} live __attribute__((section("lp_live"), used)) = {
    .magic = "LPLIVE",
    .version = LIVE_VERSION,
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
