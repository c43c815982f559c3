/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _LP_CROSSING_H
#define _LP_CROSSING_H

/* Offsets for crossing_switch.S, checked in crossing.c. */
#define LP_CROSSING_KERNEL_SP 0
#define LP_CROSSING_SLOT 8
#define LP_CROSSING_ADOPTIONS 16
#define LP_CALL_NUMBER 0
#define LP_CALL_ARGUMENT(n) (8 + 8 * (n))
#define LP_CALL_ROOM 64 /* for struct lp_call_registers, on 16 */

#ifndef __ASSEMBLY__

#include <linux/types.h>

#include "lakeplacid.h"
#include "mirror.h"

/*
 * E's way to U's stack and back. kernel_sp: where E's own stack goes on while it is on U's; below
 * it, nothing is live.
 */
struct lp_crossing {
	unsigned long kernel_sp;
	unsigned long slot; /* the slot's head that lp_crossing_adopt() was last called with */
	u64 adoptions;	    /* how often E went on a slot */
	struct lp_mirror *mirror;
	struct lp_stack stacks[LP_STACKS];
	u64 populated; /* generation that the stack's pages were fetched for; 0: none */
	int error;     /* why lp_crossing_abort() was called */
	bool aborted;
	/* Of an access that keeps faulting although its page is there. */
	unsigned long last_address;
	unsigned int repeats;
	u64 excursions;
};

/* Arguments of a system call from U's stack, as crossing_switch.S lays them out. */
struct lp_call_registers {
	unsigned long number;
	unsigned long arguments[LP_ARGUMENTS];
};

int lp_crossing_prepare(struct lp_crossing *crossing, struct lp_mirror *mirror, unsigned long low,
			unsigned long top);
int lp_crossing_adopt(struct lp_crossing *crossing, unsigned long slot, unsigned long most);
int lp_crossing_enter(struct lp_crossing *crossing);
void lp_crossing_leave(struct lp_crossing *crossing);
int lp_crossing_run(struct lp_crossing *crossing, lp_elite_fn function, u64 a, u64 b, u64 c,
		    u64 *result);

/* In crossing_switch.S. */
u64 lp_crossing_switch(struct lp_crossing *crossing, unsigned long top, lp_elite_fn function, u64 a,
		       u64 b, u64 c);
void lp_crossing_abort(struct lp_crossing *crossing);

/* For crossing_switch.S. */
void lp_crossing_fetch(struct lp_crossing *crossing, unsigned long address, bool write);
long lp_crossing_kernel_call(struct lp_crossing *crossing, const struct lp_call_registers *call);

#endif
#endif
