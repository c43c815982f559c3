/* SPDX-License-Identifier: GPL-2.0-only WITH GCC-exception-2.0 */
/*
 * U's side of Elite in the kernel (docs/kernel.md). Read by C and assembly.
 */
#ifndef LP_KERNEL_H
#define LP_KERNEL_H

/* Bytes of a thread's stack between a loop that is in the kernel and its U. */
#define LP_KERNEL_LOOP_STACK 32768
/* Bytes below the stack limit: one frame that is not looked at, and what exceptions push. */
#define LP_KERNEL_RESERVE 8192
/* struct lp_run lies behind FXSAVE's area; where it has its registers */
#define LP_KERNEL_RUN_SIZE 80
#define LP_KERNEL_RUN_REGISTERS 8

#ifndef __ASSEMBLER__
#include <sys/types.h>

#include "lp_runtime.h"

#define LP_KERNEL_TLS __thread __attribute__((tls_model("local-exec")))

enum lp_body_state { LP_BODY_FRESH, LP_BODY_ATTACHED, LP_BODY_PLAIN };

/* A thread's session. PLAIN: it could not attach, and does without. */
struct lp_body {
	enum lp_body_state state;
	int fd;		    /* of the session */
	pid_t child;	    /* E, where it is the process's child, else 0 */
	uint64_t stack_low; /* of the thread's own stack; 0: not known */
	struct lp_body *next;
};

extern LP_KERNEL_TLS struct lp_body lp_body LP_HIDDEN;
extern LP_KERNEL_TLS int64_t lp_kernel_budget LP_HIDDEN;      /* of loops; E counts it down */
extern LP_KERNEL_TLS uint64_t lp_kernel_limit LP_HIDDEN;      /* E's %rsp stays above */
extern LP_KERNEL_TLS uint64_t lp_kernel_loop_limit LP_HIDDEN; /* the same for the loop's stack */
extern LP_KERNEL_TLS uint64_t lp_kernel_entry LP_HIDDEN; /* where the thread is about to enter */

/* Weak: an absolute symbol that is there if a unit has a loop that is entered at its head. */
extern const char lp_loop_enters[] __attribute__((weak, visibility("hidden")));

extern void lp_enter_request_kernel(void) LP_HIDDEN;
/* The request function's entry, where the program has a kernel form of it. */
extern const char lp_request_kernel_entry[] __attribute__((weak, visibility("hidden")));
extern const char lp_request_kernel_return[] LP_HIDDEN; /* as lp_request_return, of that one */

/* Whether the driver is there, with a module for this program. What is missing goes to *why, with
 * a remedy. */
struct lp_kernel_problem {
	char what[256];
	const char *remedy;
};
LP_HIDDEN bool lp_kernel_available(struct lp_kernel_problem *why);
/* Prepare to enter; each thread attaches when it first does. */
LP_HIDDEN void lp_kernel_start(void);
/* Make the calling thread's session and E. False: this thread stays in user space. Keeps errno. */
LP_HIDDEN bool lp_kernel_attach(void);
/* End a session, and E. close_it: the file is still ours. */
LP_HIDDEN void lp_kernel_detach(struct lp_body *body, bool close_it);
/* In a forked child: what belonged to the parent's threads is none of its. */
LP_HIDDEN void lp_kernel_forked(void);

/* How it goes on after a run: with these registers; or, if a request is to be queued that lies on
 * the slot, where its caller does. */
struct lp_kernel_way {
	struct lp_registers *registers;
	struct lp_slot *queued; /* NULL in wait mode */
};
struct lp_run;
/* Run Elite in the kernel from lp_kernel_entry on. registers->target says where to go on if
 * nothing was run. run: to be filled in, but for its registers, by which unwinders find the frame:
 * they are these. GP. */
LP_HIDDEN struct lp_kernel_way lp_kernel_run(struct lp_registers *registers, void *fp,
					     struct lp_run *run);
#endif

#endif
