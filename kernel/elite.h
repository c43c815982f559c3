/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The tables of an application's Elite code, as lp_build/projection/records.py writes them and
 * lp_build/kernel_module/ puts them in its module. Offsets are from the start of the text.
 */
#ifndef _LP_ELITE_H
#define _LP_ELITE_H

#include <linux/types.h>

#define LP_SAVED_COUNT 6 /* callee-saved registers: rbx rbp r12 r13 r14 r15 */
#define LP_DWARF_RBP 6
#define LP_DWARF_RSP 7

enum lp_rule_kind {
	LP_RULE_FRAME,	/* CFA = register + cfa_offset */
	LP_RULE_SWITCH, /* CFA = what lies there + 8: the frame's caller is on another stack */
};

/* struct lp_frame_rule of c_runtime/lp_abi.h. */
struct lp_elite_rule {
	s32 cfa_offset;
	u8 cfa_register; /* LP_DWARF_RBP or LP_DWARF_RSP */
	u8 kind;
	u8 reserved[2];
	s16 saved[LP_SAVED_COUNT]; /* (address - CFA) / 8; zero: still in its register */
	u32 reserved2;
};

/* A place where Elite may stop. */
struct lp_elite_site {
	u64 fallback; /* where U goes on */
	struct lp_elite_rule rule;
	u64 site;  /* the program's own record of it, in U's memory; or 0 */
	u64 elite; /* where Elite may go on */
};

/* A return address in Elite's text. */
struct lp_elite_return {
	u64 elite;
	u64 fallback;
	struct lp_elite_rule rule; /* of the calling frame, while the call is under way */
};

/* A place where U may enter. */
struct lp_elite_entry {
	u64 elite;
	u64 reserved;
	struct lp_elite_rule rule;
};

#define LP_ELITE_FP 1 /* the text uses SSE registers */

struct lp_elite {
	const void *text;
	u64 text_size;
	const struct lp_elite_site *sites;
	u64 site_count;
	const struct lp_elite_return *returns; /* ascending */
	u64 return_count;
	const struct lp_elite_entry *entries;
	u64 entry_count;
	u32 flags;
};

#endif
