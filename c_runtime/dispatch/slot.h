/* SPDX-License-Identifier: GPL-2.0-only WITH GCC-exception-2.0 */
/*
 * A stack slot: a call stack as large as a thread has, and at its top who is parked on it.
 *
 *	low addresses
 *	┌──────────────────────┐ guard: no access, lp_slots.guard
 *	├──────────────────────┤
 *	│ stack, grows down    │ lp_slots.stack, the head included
 *	│  …                   │
 *	│ return: slot exit    │ head - 8, pushed by save_and_switch
 *	├──────────────────────┤ head: struct lp_slot, LP_SLOT_HEAD_SIZE bytes
 *	├──────────────────────┤ head + LP_SLOT_FP
 *	│ FP and SIMD state    │ LP_SLOT_FP_SIZE, used while the slot waits in the ring buffer
 *	└──────────────────────┘
 *	high addresses
 *
 * The head's address is the slot's identity, and %rsp's value when the slot's stack is empty.
 *
 * Assembly and C read the same offsets: they are defined here, and asserted against the structures.
 */
#ifndef LP_SLOT_H
#define LP_SLOT_H

#define LP_SLOT_HEAD_SIZE 256
#define LP_SLOT_FP_SIZE 16384 /* XSAVE with AVX-512 takes 2.7 KiB, with AMX 11 KiB */

#define LP_SLOT_CALLER_RSP 0
#define LP_SLOT_REQUESTS 8
#define LP_SLOT_PARKED 16
#define LP_SLOT_CALLER_SAVED 24
#define LP_SLOT_LOOK 96
#define LP_SLOT_FP LP_SLOT_HEAD_SIZE

#include "lp_abi.h"

#ifndef __ASSEMBLER__
#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#define LP_HIDDEN __attribute__((visibility("hidden")))

struct lp_slot {
	uint64_t caller_rsp; /* of whoever entered; zero: the slot is idle */
	uint64_t requests;   /* begun on this slot */
	uint64_t parked;     /* %rsp of what waits here, below it struct lp_registers */
	uint64_t caller_saved[LP_SAVED_COUNT]; /* the caller's callee-saved registers (queue) */
	uint64_t deopted;		       /* requests that left Elite at least once */
	uint64_t deopted_request;	       /* `requests` when that last happened */
	uintptr_t owner;		       /* the thread that it belongs to; zero: none */
	uint64_t look; /* from this of `requests` on: see whether memory is to go back */
};

static_assert(offsetof(struct lp_slot, caller_rsp) == LP_SLOT_CALLER_RSP, "dispatch/slot.h");
static_assert(offsetof(struct lp_slot, requests) == LP_SLOT_REQUESTS, "dispatch/slot.h");
static_assert(offsetof(struct lp_slot, parked) == LP_SLOT_PARKED, "dispatch/slot.h");
static_assert(offsetof(struct lp_slot, caller_saved) == LP_SLOT_CALLER_SAVED, "dispatch/slot.h");
static_assert(offsetof(struct lp_slot, look) == LP_SLOT_LOOK, "dispatch/slot.h");
static_assert(sizeof(struct lp_slot) <= LP_SLOT_HEAD_SIZE, "dispatch/slot.h");
static_assert(LP_SLOT_HEAD_SIZE % 64 == 0, "the FP area and the stack are aligned by the head");
#endif

#endif
