// SPDX-License-Identifier: GPL-2.0-only WITH GCC-exception-2.0
/*
 * The crossing, in one process: what becomes of a stack that has left Elite.
 *
 * Wait mode: it goes on here and now. Whoever entered waits for the real result.
 *
 * Queue mode: a whole request is queued for a Fallback thread, and its caller goes on at once. What
 * is not one goes on where it is: a request within a request, a handler's, or the loop's own stack.
 */
#include "lp_parameters.h"
#include "lp_runtime.h"

#if LP_QUEUE
struct lp_slot *lp_cross(struct lp_registers *registers, struct lp_boundary *boundary)
{
	struct lp_slot *slot;

	if (*boundary->return_address != (uint64_t)lp_request_return)
		return NULL;
	slot = lp_slot_at((uint64_t)boundary->return_address);
	/* save_and_switch pushed this one, so it lies right below a head. */
	if ((uint64_t)(boundary->return_address + 1) != (uint64_t)slot)
		return NULL;
	/* Begun by the parent of a forked child: whoever forked is the child's one thread. */
	if (!slot->requests)
		return NULL;
	for (int i = 0; i < LP_SAVED_COUNT; i++)
		slot->caller_saved[i] = boundary->saved[i];
	slot->parked = (uint64_t)registers;
	lp_slot_disown(slot);
	return slot;
}
#else
struct lp_slot *lp_cross(struct lp_registers *registers, struct lp_boundary *boundary)
{
	(void)registers;
	(void)boundary;
	return NULL;
}
#endif
