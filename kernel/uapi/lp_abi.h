/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * What more than one of projection, runtime, driver and module lays out: read by C and assembly of
 * both sides. Python has the same in lp_build/, and a test compiles the offsets.
 *
 * For the runtime, each translation unit with Elite functions adds to the sections lp_sites,
 * lp_returns and lp_functions; the linker concatenates them and gives __start_NAME and __stop_NAME.
 * Elite text lies in section lp_elite_text. The sections lp_kernel_* are not loaded: they go into
 * the application's module, and labels in them are offsets.
 *
 * Assembly can't ask for offsets: they stand here, and are asserted against the structures below.
 */
#ifndef _UAPI_LP_ABI_H
#define _UAPI_LP_ABI_H

/* struct lp_registers: where it has each register, and all of it. */
#define LP_REGISTERS_R15 0
#define LP_REGISTERS_R14 8
#define LP_REGISTERS_R13 16
#define LP_REGISTERS_R12 24
#define LP_REGISTERS_RBP 32
#define LP_REGISTERS_RBX 40
#define LP_REGISTERS_R11 48
#define LP_REGISTERS_R10 56
#define LP_REGISTERS_R9 64
#define LP_REGISTERS_R8 72
#define LP_REGISTERS_RDI 80
#define LP_REGISTERS_RSI 88
#define LP_REGISTERS_RDX 96
#define LP_REGISTERS_RCX 104
#define LP_REGISTERS_RAX 112
#define LP_REGISTERS_FLAGS 120
#define LP_REGISTERS_SITE 128
#define LP_REGISTERS_SIZE 136

/* Callee-saved registers: rbx rbp r12 r13 r14 r15 (System V psABI 3.2.1). */
#define LP_SAVED_COUNT 6
#define LP_SAVED_SIZE (8 * LP_SAVED_COUNT) /* as a function pushes them */

/* struct lp_frame_rule */
#define LP_DWARF_RBP 6
#define LP_DWARF_RSP 7
#define LP_RULE_FRAME 0	 /* CFA = register + cfa_offset */
#define LP_RULE_SWITCH 1 /* CFA = what lies there + 8: the frame's caller is on another stack */
#define LP_RULE_SAVED 8
#define LP_RULE_SIZE 24

#define LP_IMPORT_NAME_SIZE 32 /* of struct lp_import */

/* FXSAVE's area, which a program with floating point in the kernel has at each crossing. */
#define LP_FX_SIZE 512

/* Rounds of loops that E makes before it looks whether it may go on. */
#define LP_KERNEL_BUDGET 100000

#ifndef __ASSEMBLER__
#ifdef __KERNEL__
#include <linux/build_bug.h>
#include <linux/stddef.h>
#include <linux/types.h>
#else
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#endif

/* The order of lp_frame_rule.saved. */
enum lp_saved_register { LP_RBX, LP_RBP, LP_R12, LP_R13, LP_R14, LP_R15 };

/* How to find a frame's canonical frame address (CFA) and what it saved; from .cfi_* directives. */
struct lp_frame_rule {
	int32_t cfa_offset;
	uint8_t cfa_register; /* LP_DWARF_RBP or LP_DWARF_RSP */
	uint8_t kind;	      /* LP_RULE_FRAME; in the kernel LP_RULE_SWITCH too */
	uint8_t reserved[2];
	int16_t saved[LP_SAVED_COUNT]; /* (address - CFA) / 8; zero: still in its register */
	uint32_t reserved2;	       /* zero */
};

enum lp_site_kind {
	LP_SITE_COLD = 1,  /* the head of a cold arm */
	LP_SITE_CALL = 2,  /* before a call (direct or indirect) or a jump that Elite cannot make */
	LP_SITE_ENTRY = 3, /* the entry of a function that has no Elite copy after all */
	LP_SITE_FORCE = 4, /* stress builds: a check; goes on in Elite unless forced */
};

/* Section lp_sites (writable): one instance of a place where Elite may go over to the Fallback. */
struct lp_site {
	void *fallback; /* where the Fallback goes on; unwinders read it, as the first word */
	struct lp_frame_rule rule;
	const char *name; /* "file:function:ordinal:arm", "file:function:call@line:callee" … */
	const char *file; /* of the original source */
	uint32_t line;
	uint8_t kind;	/* enum lp_site_kind */
	uint8_t forced; /* zero; stress builds: set at start when LP_FORCE_DEOPT names the site */
	uint8_t reserved[2];
	uint64_t hits; /* deopts taken here; atomic, relaxed */
	void *elite;   /* LP_SITE_FORCE: where Elite goes on when the deopt is not forced */
};

/* Section lp_returns, ascending by `elite` within a unit: one return address of an Elite call. */
struct lp_return {
	void *elite;
	void *fallback;
	struct lp_frame_rule rule; /* of the calling frame, while the call is under way */
};

/* Section lp_functions: each function with an Elite copy. */
struct lp_function {
	void *fallback; /* the address that a function pointer in memory holds */
	void *elite;
	const char *name;
};

/* Section lp_kernel_sites: a place where Elite in the kernel may stop. */
struct lp_elite_site {
	uint64_t fallback; /* where U goes on */
	struct lp_frame_rule rule;
	uint64_t site;	/* the program's own struct lp_site of it, in U's memory; or 0 */
	uint64_t elite; /* where Elite may go on; or all ones: nowhere */
};

/* Section lp_kernel_returns: a return address in its text. */
struct lp_elite_return {
	uint64_t elite;
	uint64_t fallback;
	struct lp_frame_rule rule; /* of the calling frame, while the call is under way */
};

/* Section lp_kernel_entries: a place where U may enter. */
struct lp_elite_entry {
	uint64_t elite;
	uint64_t reserved;
	struct lp_frame_rule rule;
};

/* Section lp_kernel_extable: an instruction that may fault, and where it goes on then. */
struct lp_fixup {
	uint64_t instruction;
	uint64_t stub;
};

/* Section lp_kernel_imports: a jump of the text's (e9 rel32) that leads to the driver. */
struct lp_import {
	uint64_t jump;
	char name[LP_IMPORT_NAME_SIZE]; /* lp_k_…, padded with zeros */
};

/* A stack that left Elite: what lp_deopt and its kin push, and what a RUN takes and gives back. */
struct lp_registers {
	uint64_t r15, r14, r13, r12, rbp, rbx;
	uint64_t r11, r10, r9, r8, rdi, rsi, rdx, rcx, rax;
	uint64_t flags;
	union {
		struct lp_site *site; /* pushed by the stub */
		void *target;	      /* where to go on, once that is decided */
	};
};

/* Stress builds: which sites leave Elite although they need not. */
enum lp_force_mode { LP_FORCE_NONE, LP_FORCE_ALL, LP_FORCE_SITE, LP_FORCE_NTH, LP_FORCE_RANDOM };

/* The same for the driver, which counts in it. */
struct lp_kernel_force {
	uint64_t mode;
	uint64_t nth;
	uint64_t probability;
	uint64_t random;
	uint64_t visits;
};

#define LP_ABI_AT(type, field, offset)                                                             \
	static_assert(offsetof(struct type, field) == (offset), #type)

LP_ABI_AT(lp_registers, r15, LP_REGISTERS_R15);
LP_ABI_AT(lp_registers, r14, LP_REGISTERS_R14);
LP_ABI_AT(lp_registers, r13, LP_REGISTERS_R13);
LP_ABI_AT(lp_registers, r12, LP_REGISTERS_R12);
LP_ABI_AT(lp_registers, rbp, LP_REGISTERS_RBP);
LP_ABI_AT(lp_registers, rbx, LP_REGISTERS_RBX);
LP_ABI_AT(lp_registers, r11, LP_REGISTERS_R11);
LP_ABI_AT(lp_registers, r10, LP_REGISTERS_R10);
LP_ABI_AT(lp_registers, r9, LP_REGISTERS_R9);
LP_ABI_AT(lp_registers, r8, LP_REGISTERS_R8);
LP_ABI_AT(lp_registers, rdi, LP_REGISTERS_RDI);
LP_ABI_AT(lp_registers, rsi, LP_REGISTERS_RSI);
LP_ABI_AT(lp_registers, rdx, LP_REGISTERS_RDX);
LP_ABI_AT(lp_registers, rcx, LP_REGISTERS_RCX);
LP_ABI_AT(lp_registers, rax, LP_REGISTERS_RAX);
LP_ABI_AT(lp_registers, flags, LP_REGISTERS_FLAGS);
LP_ABI_AT(lp_registers, site, LP_REGISTERS_SITE);
static_assert(sizeof(struct lp_registers) == LP_REGISTERS_SIZE, "lp_registers");
static_assert(LP_R15 + 1 == LP_SAVED_COUNT, "lp_saved_register");
LP_ABI_AT(lp_frame_rule, saved, LP_RULE_SAVED);
static_assert(sizeof(struct lp_frame_rule) == LP_RULE_SIZE, "lp_frame_rule");
LP_ABI_AT(lp_site, fallback, 0);
/* Records lie one after the other as they are emitted: no padding that the compiler would add. */
static_assert(sizeof(struct lp_site) == 6 * sizeof(uint64_t) + LP_RULE_SIZE, "lp_site");
static_assert(sizeof(struct lp_return) == 2 * sizeof(uint64_t) + LP_RULE_SIZE, "lp_return");
static_assert(sizeof(struct lp_elite_site) == 3 * sizeof(uint64_t) + LP_RULE_SIZE, "lp_elite_site");
static_assert(sizeof(struct lp_elite_entry) == sizeof(struct lp_elite_return), "lp_elite_entry");
#endif

#endif
