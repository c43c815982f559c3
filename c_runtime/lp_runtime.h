/* SPDX-License-Identifier: GPL-2.0-only WITH GCC-exception-2.0 */
/*
 * What the parts of the in-process runtime know of each other, in the order of a request's way.
 *
 *	driver      reads the environment, sets everything up, and tidies up at the end
 *	dispatch    lp_enter_request: onto a slot and back (save_and_switch)
 *	slots       the bitmap stack allocator
 *	deopt       lp_deopt: translates the frames of a stack that leaves Elite
 *	crossing    what becomes of that stack then
 *	ring        (queue mode) stacks that wait for a Fallback thread
 *	workers     (queue mode) the Fallback threads
 *
 * "GP" marks what runs while vector and x87 registers hold the application's values: such code is
 * compiled with -mgeneral-regs-only and calls nothing of libc.
 */
#ifndef LP_RUNTIME_H
#define LP_RUNTIME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "statistics/message.h"
#include "dispatch/slot.h"
#include "lp_wait.h"

#define LP_WEAK_HIDDEN __attribute__((weak, visibility("hidden")))

/* What the linker made of the sections; all zero in a program that has no such section. */
extern struct lp_site __start_lp_sites[] LP_WEAK_HIDDEN;
extern struct lp_site __stop_lp_sites[] LP_WEAK_HIDDEN;
extern struct lp_return __start_lp_returns[] LP_WEAK_HIDDEN;
extern struct lp_return __stop_lp_returns[] LP_WEAK_HIDDEN;
extern struct lp_function __start_lp_functions[] LP_WEAK_HIDDEN;
extern struct lp_function __stop_lp_functions[] LP_WEAK_HIDDEN;
extern char __start_lp_elite_text[] LP_WEAK_HIDDEN;
extern char __stop_lp_elite_text[] LP_WEAK_HIDDEN;

static inline bool lp_is_elite(uint64_t address)
{
	return address >= (uintptr_t)__start_lp_elite_text &&
	       address < (uintptr_t)__stop_lp_elite_text;
}

/* This thread, as a slot's owner: the thread pointer, at %fs:0 by the ABI. GP. */
static inline uintptr_t lp_self(void)
{
	uintptr_t self;

	__asm__("mov %%fs:0, %0" : "=r"(self));
	return self;
}

extern const char lp_driver LP_HIDDEN;

/* -- dispatch (save_and_switch_*.S, resume_execution.S, entry_stubs.S) ------------------------- */

extern void (*lp_request_target)(void) LP_HIDDEN;
extern uint8_t lp_entries_enabled LP_HIDDEN;
extern uint64_t lp_entry_count LP_HIDDEN;

extern void lp_enter_request(void) LP_HIDDEN;
extern const char lp_request_return[] LP_HIDDEN; /* where a slot's bottom frame returns */

/* -- slots (stack_allocator.c, dispatch/slot_map.c)
 * -------------------------------------------------- */

/* Where the slots are: one after the other, `stride` bytes each. Set once, at start. */
struct lp_slot_layout {
	char *area;	 /* NULL: there are none */
	uint64_t stride; /* guard, stack, floating-point state */
	uint64_t guard;	 /* bytes at the low end of each */
	uint64_t stack;	 /* bytes of each stack, the head included */
	int protection;	 /* of all but the guard, once the slot is in use (PROT_*) */
};

extern struct lp_slot_layout lp_slots LP_HIDDEN;
/* Find address space for them; refuses to start when there is none. */
LP_HIDDEN void lp_slots_map(void);

/* -- threads' own stacks (dispatch/thread_stack.c, dispatch/slot_map.c)
 * ------------------------------------ */

/* What was found out at start about the stacks of threads. */
struct lp_thread_stacks {
	/* Positions on a stack of the main thread, and of others, can be compared: whatever lies
	 * deeper than a new call is gone. Not where other stacks may lie within. */
	bool main_is_plain, others_are_plain;
	/* Bytes that a thread has without asking; a slot has no more, unless lp.toml says so. */
	uint64_t usual;
	/* Threads may have more. */
	bool may_be_large;
	/* Jumps check that they go upwards (__longjmp_chk). */
	bool jumps_are_checked;
};

extern struct lp_thread_stacks lp_thread_stacks LP_HIDDEN;
/* Called once by the main thread, at start: where its stack is. GP. */
LP_HIDDEN void lp_thread_stack_init(void);
/* Whether `rsp`, where the calling thread is, lies on the thread's own stack, and not on one for
 * signal handlers, a coroutine's, or a slot; false, too, where that can't be known. GP. */
LP_HIDDEN bool lp_thread_stack_runs(uint64_t rsp);
/* Whether `address` lies within the calling thread's own stack, as far as that is known. GP. */
LP_HIDDEN bool lp_thread_stack_holds(uint64_t address);
/* Whether the calling thread has asked for a larger stack than is usual. GP. */
LP_HIDDEN bool lp_thread_stack_is_large(void);

struct lp_slot_counts {
	uint64_t taken;	     /* slots that are not free: in requests, or kept by threads */
	uint64_t high_water; /* the most that `taken` ever was */
	uint64_t kept;	     /* slots that threads keep between their requests */
	uint64_t nested;     /* requests made from within a request: on the same slot */
	uint64_t waits;	     /* times that a thread had to wait for a slot */
	uint64_t own_stack;  /* requests that got no slot: they stayed where they were */
};

extern struct lp_slot_counts lp_slot_counts LP_HIDDEN;
/* The slot that this thread keeps, or NULL; and whether it is free for the next request (1 or 0).
 */
extern __thread struct lp_slot *lp_own_slot __attribute__((tls_model("local-exec"))) LP_HIDDEN;
extern __thread int32_t lp_own_idle __attribute__((tls_model("local-exec"))) LP_HIDDEN;

/* Set the slots up; refuses to start when there is no address space for them. */
LP_HIDDEN void lp_slots_init(void);
/* In a forked child: what belonged to other threads is free again, and counters begin anew. */
LP_HIDDEN void lp_slots_forked(void);
/* The slot to run a request on, that was called with this %rsp; NULL: stay on this stack. GP. */
LP_HIDDEN struct lp_slot *lp_slot_take(uint64_t rsp);
/* See to it that the thread keeps a slot that is idle, if it can have one, for calls that it makes
 * from `rsp` or deeper. GP. */
LP_HIDDEN void lp_slot_keep(uint64_t rsp);
/* Give back a slot that nothing runs on. GP. */
LP_HIDDEN void lp_slot_put(struct lp_slot *slot);
/* The calling thread no longer keeps `slot`, if it did: it goes over to someone else. GP. */
LP_HIDDEN void lp_slot_disown(struct lp_slot *slot);
/* The calling thread goes on with `slot`, which is nobody's. GP. */
LP_HIDDEN void lp_slot_adopt(struct lp_slot *slot);
/* The slot whose stack `address` lies in, or NULL. GP. */
LP_HIDDEN struct lp_slot *lp_slot_at(uint64_t address);
/* Give the memory back that a request deeper than most has left on `slot`, where nothing runs. GP.
 */
LP_HIDDEN void lp_slot_tidy(struct lp_slot *slot);
/* Look for such memory at the end of this request, unless that was just done. GP. */
LP_HIDDEN void lp_slot_tidy_soon(struct lp_slot *slot);
/* Slot number `index`, from zero to LP_STACK_COUNT - 1, if this process has used it; else NULL: it
 * has no memory, and nothing to count. GP. */
LP_HIDDEN struct lp_slot *lp_slot_used(unsigned int index);
/* Bit n: slot number n has been used. */
extern uint64_t lp_slots_used[] LP_HIDDEN;

/* -- stacks that are used up (dispatch/overflow.c)
 * ----------------------------------------------------
 */

/* From now on, say so on standard error. */
LP_HIDDEN void lp_overflow_init(void);
/* The same for the calling thread, which is about to have requests, or to end. */
LP_HIDDEN void lp_overflow_thread(void);
LP_HIDDEN void lp_overflow_thread_end(void);

/* -- floating point and SIMD (fp_state.S) ------------------------------------------------------ */

/* What XSAVE and XRSTOR save of this processor's state: zero where there is only FXSAVE. */
extern uint64_t lp_fp_features LP_HIDDEN;
/* Find that out; refuses to start when a slot has no room for it. */
LP_HIDDEN void lp_fp_init(void);
/* Save and restore all of it; `area` is aligned to 64, LP_SLOT_FP_SIZE bytes, zero at first. GP. */
LP_HIDDEN void lp_fp_save(void *area);
LP_HIDDEN void lp_fp_restore(const void *area);

/* -- tables (address_tables.c, address_lookup.S) ----------------------------------------------- */

/* Index lp_returns and lp_functions; refuses to start when they contradict themselves. */
LP_HIDDEN void lp_tables_init(void);
/* The record of an Elite return address, or NULL. GP. */
LP_HIDDEN const struct lp_return *lp_return_at(uint64_t elite);

/* -- deopt (deopt/deopt.c) ------------------------------------------------------------------------
 */

/* Where a stack that left Elite meets what was never Elite's. */
struct lp_boundary {
	uint64_t *return_address; /* where it lies */
	uint64_t
	    saved[LP_SAVED_COUNT]; /* callee-saved registers as the boundary's caller has them */
};

/* How it goes on from lp_deopt: with its registers at `target`; or, if lp_cross answered with a
 * slot, where the caller of the request does. Unwinders may come at any time and read
 * registers->site: the stub puts the target in its place. */
struct lp_way {
	struct lp_slot *slot;
	void *target;
};

/* Leave Elite at registers->site. GP. */
LP_HIDDEN struct lp_way lp_leave(struct lp_registers *registers);

/* Count a deopt at `site` (NULL: at none that has a name), on `slot` (NULL: on none). A request
 * counts as deopted once, however often it leaves. GP. */
LP_HIDDEN void lp_count_deopt(struct lp_site *site, struct lp_slot *slot);

/* -- crossing (crossing.c) --------------------------------------------------------------------- */

/*
 * Go to the Fallback with this stack. Its frames are the Fallback's by now.
 *
 * NULL: it goes on here and now, on this stack in this thread; whoever entered waits for it.
 * Else: the slot is ready to be handed to a Fallback thread; lp_park leaves its stack and does so.
 *
 * Another place to run Elite (the kernel) has another crossing; nothing else knows. GP.
 */
LP_HIDDEN struct lp_slot *lp_cross(struct lp_registers *registers, struct lp_boundary *boundary);

/* -- ring and workers (ring_buffer.c, workers.c; queue mode) ----------------------------------- */

struct lp_ring_counts {
	uint64_t depth_max; /* the most slots that ever waited at once */
	uint64_t waits;	    /* times that a full ring made a thread wait */
	uint64_t queued;    /* slots that went through */
};

extern struct lp_ring_counts lp_ring_counts LP_HIDDEN;
/* How many slots came out of the ring, and went in. */
struct lp_ring_position {
	uint64_t position;
} __attribute__((aligned(64)));
extern struct lp_ring_position lp_ring_out LP_HIDDEN, lp_ring_in LP_HIDDEN;

LP_HIDDEN void lp_ring_init(void);
/* Append, waiting while the ring is full; take the oldest, waiting while it is empty. GP. */
LP_HIDDEN void lp_ring_push(struct lp_slot *slot);
LP_HIDDEN struct lp_slot *lp_ring_pop(void);
/* The oldest, or NULL when the ring is empty. GP. */
LP_HIDDEN struct lp_slot *lp_ring_try_pop(void);

LP_HIDDEN void lp_workers_start(void);
LP_HIDDEN void lp_workers_forked(void);
/* Hand over a parked slot; called off its stack. */
LP_HIDDEN void lp_workers_submit(struct lp_slot *slot);
/* Wait until all queued requests have finished. */
LP_HIDDEN void lp_workers_drain(void);
/* Finish the request that is parked on `slot`, on this thread; returns when it has. */
LP_HIDDEN void lp_resume_execution(struct lp_slot *slot);
extern const char lp_fallback_exit[] LP_HIDDEN; /* where a resumed slot's bottom frame returns */

/* -- forced deopts (deopt/force.c; stress builds) -------------------------------------------------
 */

/* What LP_FORCE_DEOPT asks for. */
struct lp_force {
	enum lp_force_mode mode;
	uint64_t nth;	      /* LP_FORCE_NTH: counted from 1 */
	uint64_t seed;	      /* LP_FORCE_RANDOM */
	uint64_t probability; /* the same: in units of 2^-64; UINT64_MAX: always */
};

extern struct lp_force lp_force_request LP_HIDDEN;
extern uint8_t lp_force_armed LP_HIDDEN; /* what the checks in Elite test */

/* Read LP_FORCE_DEOPT; refuses to start when it is not what it should be. */
LP_HIDDEN void lp_force_init(const char *option);
/* A check in Elite found lp_force_armed set: leave, or go on in Elite (as lp_leave answers). GP. */
LP_HIDDEN struct lp_way lp_force_or_go_on(struct lp_registers *registers);
/* Checks that the thread has come by since it last entered Elite: deopt.c begins anew. */
extern __thread uint64_t lp_force_visits __attribute__((tls_model("local-exec"))) LP_HIDDEN;

/* -- statistics (statistics/stats.c)
 * ------------------------------------------------------------------- */

/* Where they go: a file name (with %p for the process number), "-", or NULL; and what `mode` is. */
LP_HIDDEN void lp_stats_init(const char *target, const char *mode);
/* Write them, once, at an ordinary end, behind what the program printed. */
LP_HIDDEN void lp_stats_finish(void);
/* In a forked child: begin anew. */
LP_HIDDEN void lp_stats_forked(void);

/* Threads of this process that wanted into the kernel and stay in user space. why: what kept the
 * first of them out. */
struct lp_shut_out {
	uint64_t threads;
	char why[256];
};

extern struct lp_shut_out lp_shut_out LP_HIDDEN;

/* -- looking on (statistics/live.c)
 * -------------------------------------------------------------------- */

/* Everything is set up: say where it is, and `elite` as lp_stats_init has it. */
LP_HIDDEN void lp_live_init(const char *elite);

#endif
