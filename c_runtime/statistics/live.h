/* SPDX-License-Identifier: GPL-2.0-only WITH GCC-exception-2.0 */
/*
 * Section lp_live of a program's file: where the running process has its counters.
 *
 * lp_build/top/process.py reads it; a change of the layout is a change of the version.
 */
#ifndef LP_LIVE_H
#define LP_LIVE_H

#include "lp_runtime.h"

#define LP_LIVE_VERSION 3

struct lp_live {
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
	const struct lp_shut_out *shut_out;
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
};

#endif
