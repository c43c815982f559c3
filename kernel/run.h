/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _LP_RUN_H
#define _LP_RUN_H

#include "uapi/lp_abi.h"

/* struct lp_elite_registers is struct lp_registers, and then these; it lies before struct
 * lp_crossing. For run_switch.S, checked in run.c. */
#define LP_RUN_REG_RSP (LP_REGISTERS_FLAGS + 8)
#define LP_RUN_REG_TARGET (LP_RUN_REG_RSP + 8)
#define LP_RUN_REGISTERS (-(LP_RUN_REG_TARGET + 8))

/* Who came, as run_switch.S says. */
#define LP_CAME_EXIT 0
#define LP_CAME_DEOPT 1
#define LP_CAME_FAULT 2
#define LP_CAME_BUDGET 3
#define LP_CAME_FORCE 4
#define LP_CAME_SYSCALL 5
#define LP_CAME_ADOPT 6

#ifndef __ASSEMBLY__

#include <linux/resource.h>
#include <linux/sched.h>
#include <linux/types.h>

#include "crossing.h"
#include "lakeplacid.h"

/* What in FXSAVE's area says how to calculate. */
#define LP_FX_MXCSR 24
#define LP_FX_MXCSR_MASK 28
#define LP_FX_MXCSR_MASKS 0x1f80 /* no exception of the arithmetic is a trap */

/* U's registers, as E has them; the first sixteen as in struct lp_registers. */
struct lp_elite_registers {
	u64 r15, r14, r13, r12, rbp, rbx;
	u64 r11, r10, r9, r8, rdi, rsi, rdx, rcx, rax;
	u64 flags;
	u64 rsp;
	u64 target; /* where to go on */
};

/* Where a run stopped: at a site, or behind a call; see stop_at() and stop_behind() in run.c. */
struct lp_stop {
	u32 reason;   /* enum lp_run_reason */
	bool unbegun; /* nothing was run */
	bool behind;
	long interrupted; /* a call's -ERESTART…: U decides whether it is made again; else 0 */
	u64 site;	  /* offset of the site */
	u64 address;	  /* the return address, when it stopped behind the call */
};

/* Who has a run that U prepared: whoever is first to say so, E or U. */
enum lp_run_claim {
	LP_RUN_OFFERED,
	LP_RUN_BEGUN,	 /* E has U's state; what became of it is E's to say */
	LP_RUN_WITHDRAWN /* U has it back; E does not begin */
};

/* A session's runs. U writes it while E is idle, E while it runs. */
struct lp_run_state {
	struct lp_elite_registers registers;
	struct lp_crossing crossing;
	const struct lp_elite *elite;
	struct task_struct *user;
	struct lp_stop stop;
	u32 claim;	/* enum lp_run_claim; changed by cmpxchg() while both may */
	u64 kept;	/* the return address that the exit stub stands for */
	u64 kept_at;	/* and where it lies */
	u64 budget;	/* in U's memory */
	u64 force;	/* the same; 0: none */
	u64 slot_stack; /* bytes of a slot that E may use */
	u64 adoptions;	/* crossing.adoptions when it began */
	u32 busy_poll;	/* microseconds */
	u32 slices;	/* budgets that this run has used up */
	/* What a call may do goes by E's own. */
	struct rlimit open_files, file_size;
	u64 fault_page; /* of the last fault */
	u32 fault_repeats;
	bool nudged;  /* U has a signal */
	bool request; /* LP_RUN_REQUEST */
	struct lp_run_counters counters;
	u8 fx[LP_FX_SIZE] __aligned(16);
};

bool lp_elite_is_sound(const struct lp_elite *elite);
void lp_run_count(struct lp_run_counters *sum, const struct lp_run_state *state);

/* In U. */
int lp_run_begin(struct lp_run_state *state, const struct lp_elite *elite, const struct lp_run *run,
		 struct lp_mirror *mirror);
int lp_run_end(struct lp_run_state *state, struct lp_run *run);
bool lp_run_withdraw(struct lp_run_state *state);

/* In E. */
void lp_run_elite(struct lp_run_state *state);

/* In run_switch.S, and for it. */
void lp_elite_start(struct lp_crossing *crossing, struct lp_elite_registers *registers);
void lp_elite_exit(void);
struct lp_elite_registers *lp_elite_came(struct lp_crossing *crossing, const u64 *frame,
					 unsigned int how, unsigned long fault_address);

#endif
#endif
