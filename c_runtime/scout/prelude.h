/* SPDX-License-Identifier: GPL-2.0-only WITH GCC-exception-2.0 */
/*
 * What a scouted translation unit and the scouting runtime say to each other.
 *
 * The scouting pass (lp_build/source/scout.py) joins these declarations into one line and puts
 * them before the unit's own text; the runtime gets them through scout/scout.h. So they are C90
 *with GNU attributes, include nothing, define nothing, and hold no preprocessor directive.
 *
 * An arm is also the number of a call, which is logged likewise just before it is made.
 *
 * After them the pass writes, for each unit,
 *
 *	extern __thread volatile unsigned char __lp_scout_arms[N] hidden
 *asm("lp_scout_arms.<hash>");
 *	__thread volatile unsigned char __lp_scout_arms[N] weak aligned(64);
 *	static volatile unsigned char *__lp_scout_own(void) { return __lp_scout_arms; }
 *	extern struct __lp_scout_unit __lp_scout_unit hidden asm("lp_scout_unit.<hash>");
 *	struct __lp_scout_unit __lp_scout_unit weak = { version, arms, icalls, 0, 0, 0, table, own
 *}; static struct __lp_scout_unit *const __lp_scout_link section("lp_scout_units") used =
 *&__lp_scout_unit;
 *
 * They are not static because inline functions of external linkage may not name what is static
 * (C99 6.7.4p3). They are weak because one text may be linked twice under two names: then section
 * lp_scout_units lists the same address twice, and the runtime has to take it once.
 *
 * Arm `k` of a unit is logged by `__lp_scout_arms[k] = 1`: one instruction, no branch and no call,
 * because a unit has thousands of them and is compiled with all optimisation. The runtime looks at
 * the calling thread's arms, and clears them, where a request or an iteration begins or ends.
 */

/* One translation unit. */
struct __lp_scout_unit {
	unsigned version;    /* of these declarations: 2 */
	unsigned arms;	     /* arms of the unit, entry arms of functions included */
	unsigned icalls;     /* indirect calls of the unit */
	unsigned base;	     /* written by the runtime's constructor: the unit's first arm */
	unsigned icall_base; /* the same: the unit's first indirect call */
	unsigned reserved;   /* zero */
	const char *table;   /* JSON, see lp_build.model.sites.ScoutTable */
	/* Since version 2: the calling thread's arms, a byte each, aligned and padded to 64. */
	volatile unsigned char *(*own)(void);
};

/* One activation of the request function or of the loop function; it lies in that function's own
 * frame, so an activation that was left by longjmp is one whose token lies below a newer one. The
 * words are the runtime's own. A loop token is all zero before its first iteration. */
struct __lp_scout_token {
	void *word[4];
};

/* Version 1 logged by `__lp_scout_map[base + k] ? 0 : __lp_scout_first(base + k)`, which still
 * works: bytes by arm, not zero once the arm was reached by the current request or iteration; all
 * ones while this thread is in neither. */
extern __thread unsigned char *__lp_scout_map __attribute__((__tls_model__("initial-exec")));

/* Version 1: an arm whose byte in the map is zero was reached. arm: base + local number. */
extern void __lp_scout_first(unsigned arm) __attribute__((__cold__));

/* An indirect call is about to be made, in a request or not. icall: icall_base + local number. */
extern void __lp_scout_target(unsigned icall, const void *target);

/* The request function was entered, and is left (by whatever way runs cleanups). Returns 0. */
extern int __lp_scout_begin(struct __lp_scout_token *token);
extern void __lp_scout_end(struct __lp_scout_token *token);

/* An outermost loop of the loop function begins an iteration, which ends the one before. Returns
 * 0. The loop function is left. */
extern int __lp_scout_iteration(struct __lp_scout_token *token);
extern void __lp_scout_loop_end(struct __lp_scout_token *token);
