/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Put in front of each scouted unit, joined into one line: no preprocessor directives here.
 * The unit's descriptor (__lp_scout_desc) follows it. Valid from C90 on with gcc and clang.
 */
struct __lp_scout_unit {
	unsigned version;	/* 1 */
	unsigned arms;		/* arms of this unit */
	unsigned icalls;	/* indirect call sites of this unit */
	unsigned base;		/* the unit's first arm in the map; set by the runtime */
	unsigned icall_base;	/* its first indirect call site; set by the runtime */
	unsigned reserved;	/* zero */
	const char *table;	/* JSON: lp_build/source/model.py, ScoutTable */
};
struct __lp_scout_span {
	void *frame;		/* of the function that the span belongs to */
	unsigned kind;		/* 0: a request; 1: an iteration of the loop; 2: not begun */
	unsigned depth;		/* the runtime's own */
};
__extension__ extern __thread unsigned char *__lp_scout_map
	__attribute__((__tls_model__("initial-exec")));
extern void __lp_scout_first(unsigned arm);
extern void __lp_scout_target(unsigned icall, const void *target);
extern struct __lp_scout_span __lp_scout_begin(void *frame);
extern struct __lp_scout_span __lp_scout_outside(void *frame);
extern void __lp_scout_iteration(struct __lp_scout_span *span);
extern void __lp_scout_end(struct __lp_scout_span *span);
static struct __lp_scout_unit __lp_scout_desc;
static __inline__ __attribute__((__always_inline__, __unused__)) int
__lp_scout_hit(unsigned arm, int value)
{
	arm += __lp_scout_desc.base;
	if (__builtin_expect(!__lp_scout_map[arm], 0))
		__lp_scout_first(arm);
	return value;
}
