/* SPDX-License-Identifier: GPL-2.0-only WITH GCC-exception-2.0 */
/*
 * What the Fallback tests to enter Elite: where the request function's stub jumps, and whether loop
 * heads go over. The projection emits both tests; the user driver sets the variables at start.
 *
 * They are read all the time and written once, so they share no cache line with what is written.
 */
#include "dispatch/slot.h"
#include "lp_verbs.h"

	.weak lp_request_fallback
	.hidden lp_request_fallback

	.data
	needs_driver
	.p2align 6
	.globl lp_request_target
	.hidden lp_request_target
	.type lp_request_target, @object
lp_request_target: /* lp_request_fallback, or lp_enter_request */
	.quad lp_request_fallback
	.size lp_request_target, 8

	.globl lp_entries_enabled
	.hidden lp_entries_enabled
	.type lp_entries_enabled, @object
lp_entries_enabled: /* 1: loop heads that are entries go over to Elite */
	.byte 0
	.size lp_entries_enabled, 1

	.p2align 6
	.globl lp_entry_count
	.hidden lp_entry_count
	.type lp_entry_count, @object
lp_entry_count: /* how often a loop head was entered by; counted by the entries, atomically */
	.quad 0
	.size lp_entry_count, 8
	.p2align 6

	.section .note.GNU-stack, "", @progbits
