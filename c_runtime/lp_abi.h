/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the projection (lp_build/projection/) emits and the runtime reads.
 *
 * Each translation unit with Elite functions adds to three sections; the linker concatenates them
 * and gives __start_NAME and __stop_NAME. Elite text lies in section `lp_elite_text`.
 *
 * Keep in step with lp_build/projection/records.py, which emits these structures as directives.
 */
#ifndef LP_ABI_H
#define LP_ABI_H

#include <stdint.h>

/* Callee-saved registers in the order of lp_frame_rule.saved (System V psABI 3.2.1). */
enum lp_saved_register { LP_RBX, LP_RBP, LP_R12, LP_R13, LP_R14, LP_R15, LP_SAVED_COUNT };

/* How to find a frame's canonical frame address (CFA) and what it saved; from .cfi_* directives. */
struct lp_frame_rule {
	int32_t cfa_offset;	       /* CFA = cfa_register + cfa_offset */
	uint8_t cfa_register;	       /* DWARF number: 6 is %rbp, 7 is %rsp */
	uint8_t reserved[3];	       /* zero */
	int16_t saved[LP_SAVED_COUNT]; /* (address - CFA) / 8; zero: still in its register */
	uint32_t reserved2;	       /* zero */
};				       /* 24 bytes */

enum lp_site_kind {
	LP_SITE_COLD = 1,  /* the head of a cold arm */
	LP_SITE_CALL = 2,  /* before a call (direct or indirect) or a jump that Elite cannot make */
	LP_SITE_ENTRY = 3, /* the entry of a function that has no Elite copy after all */
	LP_SITE_FORCE = 4, /* stress builds: a check; goes on in Elite unless forced */
};

/* Section lp_sites (writable): one instance of a place where Elite may go over to the Fallback. */
struct lp_site {
	void *fallback; /* where the Fallback goes on */
	struct lp_frame_rule rule;
	const char *name; /* "file:function:ordinal:arm", "file:function:call@line:callee" … */
	const char *file; /* of the original source */
	uint32_t line;
	uint8_t kind;	/* enum lp_site_kind */
	uint8_t forced; /* zero; stress builds: set at start when LP_FORCE_DEOPT names the site */
	uint8_t reserved[2];
	uint64_t hits; /* deopts taken here; atomic, relaxed */
	void *elite;   /* LP_SITE_FORCE: where Elite goes on when the deopt is not forced */
};		       /* 72 bytes */

/* Section lp_returns, ascending by `elite` within a unit: one return address of an Elite call. */
struct lp_return {
	void *elite;
	void *fallback;
	struct lp_frame_rule rule; /* of the calling frame, while the call is under way */
};				   /* 40 bytes */

/* Section lp_functions: each function with an Elite copy. */
struct lp_function {
	void *fallback; /* the address that a function pointer in memory holds */
	void *elite;
	const char *name;
}; /* 24 bytes */

#endif
