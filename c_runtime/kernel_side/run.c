// SPDX-License-Identifier: GPL-2.0-only WITH GCC-exception-2.0
/*
 * Running Elite in the kernel (docs/kernel.md): each entry is one ioctl.
 *
 * Entering must not disturb what the loop has in vector registers: the code on this way uses none,
 * and makes its system call itself. Attaching, the first time, calls libc, between lp_fp_save and
 * lp_fp_restore.
 */
#include <errno.h>
#include <sys/syscall.h>

#include "lakeplacid.h"
#include "kernel_side/kernel.h"
#include "lp_parameters.h"

enum { PAGE = 4096, ROOM = LP_KERNEL_LOOP_STACK + 32768 };

/* Read and written by E too: see kernel/README.md. */
LP_KERNEL_TLS int64_t lp_kernel_budget;
LP_KERNEL_TLS uint64_t lp_kernel_limit;
LP_KERNEL_TLS uint64_t lp_kernel_loop_limit;
LP_KERNEL_TLS uint64_t lp_kernel_entry;

#if LP_STRESS
static LP_KERNEL_TLS struct lp_kernel_force force;

/* What E is to force; visits are counted from an entry on. */
static uint64_t forced(void)
{
	if (!force.mode)
		force.random = lp_force_request.seed;
	force.mode = lp_force_request.mode;
	force.nth = lp_force_request.nth;
	force.probability = lp_force_request.probability;
	force.visits = 0;
	return (uint64_t)&force;
}
#else
static uint64_t forced(void)
{
	return 0;
}
#endif

/* The application's vector registers are live. */
static __attribute__((noinline)) bool attach_undisturbed(void)
{
	char area[LP_SLOT_FP_SIZE] __attribute__((aligned(64)));
	uint64_t words = sizeof(area) / 8;
	void *at = area;
	bool attached;

	/* A loop would become a call of memset. */
	__asm__ volatile("rep stosq" : "+D"(at), "+c"(words) : "a"(0L) : "memory");
	lp_fp_save(area);
	attached = lp_kernel_attach();
	lp_fp_restore(area);
	return attached;
}

static long run_ioctl(struct lp_run *run)
{
	register long result __asm__("rax") = SYS_ioctl;

	__asm__ volatile("syscall"
			 : "+r"(result)
			 : "D"((long)lp_body.fd), "S"(LP_IOC_RUN), "d"(run)
			 : "rcx", "r11", "memory");
	return result;
}

/* Where E may go down to: on a slot, to its end; on the thread's stack, to where U waits. */
static uint64_t stack_low_at(uint64_t rsp)
{
	struct lp_slot *slot = lp_slot_at(rsp);
	uint64_t low = rsp - LP_KERNEL_LOOP_STACK + PAGE;

	if (slot) {
		uint64_t end = (uint64_t)slot + LP_SLOT_HEAD_SIZE - lp_slots.stack;

		low = low > end ? low : end;
	} else if (rsp - lp_body.stack_low < ROOM) {
		return 0;
	}
	low = (low + PAGE - 1) & -(uint64_t)PAGE;
	/* The driver refuses less: interrupts push there. */
	return rsp < low + LP_STACK_RESERVE ? 0 : low;
}

static _Noreturn void give_up(const char *what)
{
	struct lp_text text;

	lp_text_init(&text, 2);
	lp_text_put(&text, "lakeplacid: ");
	lp_text_put(&text, what);
	lp_text_put(&text, "\n  remedy: this is a defect of LakePlacid; run with LP_ELITE=off");
	lp_die(&text);
}

/* E did not run: the Fallback goes on. */
static void failed(long error)
{
	switch (-error) {
	case EINTR:
		/* It had not begun. The handler has run; the next entry tries again. */
		break;
	case EUCLEAN:
		give_up("the stack that came back from the kernel is damaged");
	case EPIPE:
		lp_kernel_detach(&lp_body, true);
		break;
	case EBADF:
	case ENOTTY:
		/* The program has closed our file: its number may be of another by now. */
		lp_kernel_detach(&lp_body, false);
		break;
	default:
		/* Not this time. */
		break;
	}
}

#if LP_QUEUE
/* Whether another thread may finish what left Elite. A signal is for this one, and so is a fault,
 * which will be a signal. */
static bool may_be_queued(uint32_t reason)
{
	return reason == LP_RUN_DEOPT || reason == LP_RUN_BUDGET || reason == LP_RUN_SYSCALL;
}

/* A whole request is queued, as in one process (crossing.c): its slot, or NULL. Its stack has the
 * Fallback's return addresses, and its head the caller's registers since it was entered. */
static struct lp_slot *queued(struct lp_registers *registers, uint32_t reason)
{
	struct lp_slot *slot = lp_slot_at((uint64_t)registers);
	uint64_t *outermost = (uint64_t *)slot - 1;

	if (!slot || !may_be_queued(reason) || (uint64_t *)(registers + 1) > outermost)
		return NULL;
	if (*outermost != (uint64_t)lp_request_return &&
	    *outermost != (uint64_t)lp_request_kernel_return)
		return NULL;
	slot->parked = (uint64_t)registers;
	lp_slot_disown(slot);
	return slot;
}
#else
static struct lp_slot *queued(struct lp_registers *registers, uint32_t reason)
{
	(void)registers;
	(void)reason;
	return NULL;
}
#endif

static_assert(sizeof(struct lp_run) == LP_KERNEL_RUN_SIZE, "kernel_side/kernel.h");
static_assert(offsetof(struct lp_run, registers) == LP_KERNEL_RUN_REGISTERS,
	      "kernel_side/kernel.h");

/* The Fallback goes on where it was, also with a request that was to run in the kernel. */
static struct lp_kernel_way not_run(struct lp_registers *registers)
{
	if (lp_kernel_entry == (uint64_t)lp_request_kernel_entry)
		lp_count_deopt(NULL, lp_slot_at((uint64_t)(registers + 1)));
	return (struct lp_kernel_way){.registers = registers};
}

struct lp_kernel_way lp_kernel_run(struct lp_registers *registers, void *fp, struct lp_run *run)
{
	uint64_t rsp = (uint64_t)(registers + 1);
	struct lp_kernel_way way = {0};
	long error;

	if (lp_body.state == LP_BODY_PLAIN ||
	    (lp_body.state == LP_BODY_FRESH && !attach_undisturbed()))
		return not_run(registers);
	run->entry = lp_kernel_entry;
	run->stack_low = stack_low_at(rsp);
	run->fp = (uint64_t)fp;
	run->budget = (uint64_t)&lp_kernel_budget;
	run->force = forced();
	run->slot_stack = LP_KERNEL_SLOT_STACK;
	run->flags = lp_kernel_entry == (uint64_t)lp_request_kernel_entry ? LP_RUN_REQUEST : 0;
	run->reason = 0;
	run->site = 0;
	run->busy_poll = LP_KERNEL_BUSY_POLL;
	run->pad = 0;
	if (!run->stack_low)
		return not_run(registers);
	/* E runs a loop's requests on the slot that its thread keeps, and takes none itself. */
	if (!lp_own_idle && !lp_slot_at(rsp))
		lp_slot_keep(rsp);
	lp_kernel_budget = LP_KERNEL_BUDGET;
	lp_kernel_limit = run->stack_low + LP_KERNEL_RESERVE;
	lp_kernel_loop_limit = lp_kernel_limit;
	error = run_ioctl(run);
	if (error) {
		failed(error);
		return not_run(registers);
	}
	way.registers = (struct lp_registers *)run->registers;
	if (run->reason != LP_RUN_EXIT) {
		struct lp_slot *slot = lp_slot_at((uint64_t)(way.registers + 1));

		lp_count_deopt((struct lp_site *)run->site, slot);
		way.queued = queued(way.registers, run->reason);
	}
	return way;
}
