/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * The protocol between an application and the LakePlacid driver.
 *
 * An application's thread that enters Elite has two bodies: U, the thread itself, and E, a process
 * that never leaves the kernel and sees U's memory at U's addresses. One open file of
 * /dev/lakeplacid is one session: one U, one E.
 *
 *   U                                        E
 *   fd = open("/dev/lakeplacid", O_RDWR)
 *   ioctl(fd, LP_IOC_ATTACH)
 *   clone(CLONE_FILES | CLONE_FS ...) ->     ioctl(fd, LP_IOC_ENTER), does not return
 *   ioctl(fd, LP_IOC_AWAIT)
 *   ioctl(fd, LP_IOC_RUN)             ->     runs
 *   ...                               <-     registers
 *   ioctl(fd, LP_IOC_DETACH)
 *
 * ATTACH finds the application's module by name. It must be of the same build: else ESTALE, and
 * the module's build id is written back. ENOENT: no such module. EBUSY: this thread or this file
 * has a session already. EOPNOTSUPP: the processor's LASS is on (boot with lass=off).
 *
 * ENTER turns the caller into E. It must be U's child, or the child of one that has U's memory (as
 * vfork() makes one); share U's table of files, not share U's memory, and have no tracer, which
 * would wait in vain for it to stop (CLONE_UNTRACED). A child of U's is made by a raw clone() with
 * no signal at its end, so that U's wait() does not see it, but U has to, by waitpid(E, __WCLONE).
 * A grandchild goes to whoever reaps orphans, and nobody takes it for a child of U's. What the
 * caller had mapped is gone when it succeeds, and it ends only by dying.
 *
 * AWAIT waits until E is there. It is for E's parent, U or the child in between. ECHILD: the
 * process with that id is no child of the caller's, or it died.
 *
 * CALL has E run an operation of the application's module and waits for its end. The stack is
 * memory of U's that the module runs on; all of it below stack_top is lost. What the operation
 * answers is in `result`; EFAULT: it met an address that U has no page for. A signal for U
 * interrupts what E waits for, then CALL ends. EPIPE: E is gone.
 *
 * RUN has E go on for U in Elite code: see struct lp_run. EOPNOTSUPP: the module has none, or uses
 * vector registers whose arithmetic U wants traps of. EPIPE: E is gone, or has another table of
 * files than U by now. With these, EINTR, and what says that the arguments were wrong, nothing was
 * run. EUCLEAN: E has run, and the stack that it left is not what the tables say; U can't go on.
 * Else U goes on by the registers that `registers` names now, at their target; that may be right
 * before where it came from.
 *
 * OPEN gives a file as open() does, to whoever has one: a server that gives up its rights, or forks
 * after it has, keeps a file for the threads that are still to come. It is close-on-exec.
 *
 * DETACH ends E and waits until it has let go of files and memory. So does closing the file in U's
 * process, or U's death; a RUN that another thread closes the file under stops first, as by a
 * signal. When E dies otherwise, U is killed: its state may have been E's.
 *
 * All but ENTER, OPEN and AWAIT are U's own calls: EPERM for any other task. Flags and padding must
 * be zero, else EINVAL; so are ranges that make no sense. No kernel address is ever written to user
 * space.
 */
#ifndef _UAPI_LAKEPLACID_H
#define _UAPI_LAKEPLACID_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define LP_PROTOCOL 3
#define LP_NAME_SIZE 32
#define LP_BUILD_ID_SIZE 20
#define LP_ARGUMENTS 6

/* Bounds of a stack: what interrupts may take of it, and what can be held in memory at once. */
#define LP_STACK_MIN 16384
#define LP_STACK_RESERVE 8192
#define LP_STACK_MAX 1048576
#define LP_BUSY_POLL_MAX 1000000

struct lp_attach {
	__u32 protocol; /* LP_PROTOCOL */
	__u32 flags;	/* none yet */
	char name[LP_NAME_SIZE];
	__u8 build_id[LP_BUILD_ID_SIZE];
	__u32 pad;
};

struct lp_enter {
	__u32 flags; /* none yet */
	__u32 pad;
};

struct lp_await {
	__s32 pid; /* what clone() gave to the caller */
	__u32 flags;
};

struct lp_call {
	__u32 operation;
	__u32 flags;	 /* none yet */
	__u64 stack_low; /* on a page boundary */
	__u64 stack_top; /* on 16 bytes */
	__u64 arguments[LP_ARGUMENTS];
	__u64 result; /* written only when the call succeeds */
};

/* Why E stopped. */
enum lp_run_reason {
	LP_RUN_EXIT,	/* Elite returned to where it was entered from */
	LP_RUN_DEOPT,	/* it left its hot path */
	LP_RUN_FAULT,	/* it met an address that U has no page for, or another fault */
	LP_RUN_SIGNAL,	/* U has a signal */
	LP_RUN_BUDGET,	/* it looped too long */
	LP_RUN_SYSCALL, /* a system call that E does not make */
	LP_RUN_REASONS,
};

/*
 * RUN: E takes U's registers, runs Elite code from an entry of the module's on U's stack, and gives
 * the registers back that U is to go on with. %rsp is `registers` plus the size of the structure
 * (struct lp_registers of lp_abi.h), on the way in and out.
 */
/* The entry is that of a request by itself, which is on its slot. Only counted. */
#define LP_RUN_REQUEST 1

struct lp_run {
	__u64 entry;	  /* in the module's table of entries, in bytes */
	__u64 registers;  /* in and out */
	__u64 stack_low;  /* E may use the stack from here up, %rsp being LP_STACK_RESERVE above */
	__u64 fp;	  /* 512 bytes for FXSAVE, on 64, in and out */
	__u64 budget;	  /* where the budget of loops is counted, which the driver fills again */
	__u64 force;	  /* stress builds: struct lp_kernel_force, or 0 */
	__u64 slot_stack; /* how much of a slot's stack E may use; pages, over LP_STACK_RESERVE */
	__u32 flags;	  /* LP_RUN_REQUEST */
	__u32 reason;	  /* out: enum lp_run_reason */
	__u64 site;	  /* out: of the program's sites, the one where Elite was left, or 0 */
	__u32 busy_poll;  /* microseconds to look for input before a call waits for it */
	__u32 pad;
};

/* Since ATTACH. */
struct lp_counters {
	__u64 calls;
	__u64 faults;	     /* pages that were mirrored */
	__u64 upgrades;	     /* pages of them that were mirrored to read before */
	__u64 retries;	     /* faults that met an invalidation and began again */
	__u64 invalidations; /* ranges that U's memory changed in */
	__u64 excursions;    /* accesses that left the atomic section for a page */
};

#define LP_IOC_MAGIC 0xe7
#define LP_IOC_ATTACH _IOWR(LP_IOC_MAGIC, 1, struct lp_attach)
#define LP_IOC_ENTER _IOW(LP_IOC_MAGIC, 2, struct lp_enter)
#define LP_IOC_AWAIT _IOW(LP_IOC_MAGIC, 3, struct lp_await)
#define LP_IOC_CALL _IOWR(LP_IOC_MAGIC, 4, struct lp_call)
#define LP_IOC_DETACH _IO(LP_IOC_MAGIC, 5)
#define LP_IOC_RUN _IOWR(LP_IOC_MAGIC, 7, struct lp_run)
#define LP_IOC_COUNTERS _IOR(LP_IOC_MAGIC, 6, struct lp_counters)
#define LP_IOC_OPEN _IO(LP_IOC_MAGIC, 8)

#endif
