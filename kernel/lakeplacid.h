/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the driver gives to the modules of applications.
 *
 * A module registers an lp_application. For each CALL of an attached U, its serve() runs in E, on
 * E's own kernel stack, preemptible, with U's credentials; U's memory is there at U's addresses.
 *
 * lp_body_run() runs a function on the stack that U gave, in an atomic section: no preemption, no
 * page fault handled in place. Code there must have an exception-table entry for every access to
 * U's memory; its fix-up calls lp_crossing_read or lp_crossing_write with the address on the stack:
 *
 *	1:	mov (%rdi), %rax
 *	...
 *	2:	push %rdi			# the address
 *		call lp_crossing_read		# keeps all registers and flags
 *		lea 8(%rsp), %rsp
 *		jmp 1b
 *		_ASM_EXTABLE(1b, 2b)
 *
 * They leave the section, fetch the page, and come back. If there is no such page they do not come
 * back: lp_body_run() returns -EFAULT. lp_crossing_syscall makes a system call from there: number
 * in %rax, arguments as a system call has them, the result in %rax, clobbers as of a C function.
 */
#ifndef _LP_LAKEPLACID_H
#define _LP_LAKEPLACID_H

#include <linux/list.h>
#include <linux/module.h>
#include <linux/types.h>

#include "elite.h"
#include "uapi/lakeplacid.h"

struct lp_body;

/* What is counted for `lp status`. */
struct lp_run_counters {
	u64 runs;
	u64 stops[LP_RUN_REASONS]; /* by reason */
	u64 requests;		   /* that E went on a slot for, or was given on theirs */
	u64 system_calls;
};

struct lp_application {
	struct module *owner;
	const char *name;
	u8 build_id[LP_BUILD_ID_SIZE];
	/* For RUN; NULL: it has no Elite code of that kind. */
	const struct lp_elite *elite;
	/* For CALL, or NULL: 0 with an answer in *result, or a negative errno for U. */
	int (*serve)(struct lp_body *body, u32 operation, const u64 *arguments, u64 *result);
	/* The driver's. */
	struct list_head link;
	struct lp_run_counters ended; /* of sessions that are over */
};

int lp_application_register(struct lp_application *application);
void lp_application_unregister(struct lp_application *application);

typedef u64 (*lp_elite_fn)(u64 a, u64 b, u64 c);

int lp_body_run(struct lp_body *body, lp_elite_fn function, u64 a, u64 b, u64 c, u64 *result);

/* For the text of struct lp_elite, by the imports of its module; see kernel/README.md. */
void lp_elite_deopt(void);
void lp_elite_fault(void);
void lp_elite_budget(void);
void lp_elite_force(void);
void lp_elite_syscall(void);
void lp_elite_adopt(void);

/* For assembly only; see above. */
void lp_crossing_read(void);
void lp_crossing_write(void);
void lp_crossing_syscall(void);

#endif
