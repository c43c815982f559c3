// SPDX-License-Identifier: GPL-2.0-only
/* The atomic section that E is in while it runs on U's stack. */
#include <linux/percpu.h>
#include <linux/sched/signal.h>
#include <linux/string.h>

#include "crossing.h"
#include "syscalls.h"

/*
 * An access may reach into a second page, which its fix-up does not know: the widest instruction
 * that general registers need no state for is far below this.
 */
#define ACCESS_MAX 64
/* An access that has faulted this often at one address lacks its second page. */
#define REPEATS_MAX 16

/* Which crossing this processor is in; good only in the section. */
DEFINE_PER_CPU(struct lp_crossing *, lp_crossing_here);

/* Defined in crossing_switch.S; exported where their types are known. */
EXPORT_SYMBOL_GPL(lp_crossing_read);
EXPORT_SYMBOL_GPL(lp_crossing_write);
EXPORT_SYMBOL_GPL(lp_crossing_syscall);

static int populate_stack(const struct lp_stack *stack)
{
	unsigned long page;
	int error;

	for (page = stack->low; page < stack->top; page += PAGE_SIZE) {
		error = lp_mirror_populate(page, true);
		if (error)
			return error;
	}
	return 0;
}

static void set_stack(struct lp_crossing *crossing, unsigned int which, struct lp_stack stack)
{
	crossing->stacks[which] = stack;
	lp_mirror_set_stack(crossing->mirror, which, stack);
	if (which == LP_STACK_SLOT && stack.low == stack.top)
		crossing->slot = 0;
}

static int populate_stacks(struct lp_crossing *crossing)
{
	int error = populate_stack(&crossing->stacks[LP_STACK_ENTERED]);

	if (!error)
		error = populate_stack(&crossing->stacks[LP_STACK_SLOT]);
	return error;
}

/* Go into the section, with all of the stack's pages there. Fails when U has them no more. */
int lp_crossing_enter(struct lp_crossing *crossing)
{
	u64 generation;
	int error;

	for (;;) {
		if (fatal_signal_pending(current))
			return -EINTR;
		generation = lp_mirror_generation(crossing->mirror);
		if (crossing->populated != generation) {
			error = lp_mirror_settle(crossing->mirror, &generation);
			if (!error)
				error = populate_stacks(crossing);
			if (error) {
				/* It may be the slot of a run before this. */
				set_stack(crossing, LP_STACK_SLOT, (struct lp_stack){});
				return error;
			}
			crossing->populated = generation;
		}
		if (lp_mirror_activate(crossing->mirror, generation))
			break;
		cond_resched();
	}
	this_cpu_write(lp_crossing_here, crossing);
	return 0;
}

void lp_crossing_leave(struct lp_crossing *crossing)
{
	this_cpu_write(lp_crossing_here, NULL);
	lp_mirror_deactivate(crossing->mirror);
}

/*
 * Return addresses and interrupted registers are kernel addresses: what ran there must leave none
 * to U. In the section.
 */
static void scrub(struct lp_crossing *crossing)
{
	const struct lp_stack *stack = &crossing->stacks[LP_STACK_ENTERED];

	memset((void *)stack->low, 0, stack->top - stack->low);
}

/* The stack for what follows. -EINVAL: none that could be one. */
int lp_crossing_prepare(struct lp_crossing *crossing, struct lp_mirror *mirror, unsigned long low,
			unsigned long top)
{
	const struct lp_stack *old = &crossing->stacks[LP_STACK_ENTERED];
	struct lp_stack stack = {low, top};

	BUILD_BUG_ON(offsetof(struct lp_crossing, kernel_sp) != LP_CROSSING_KERNEL_SP);
	BUILD_BUG_ON(offsetof(struct lp_crossing, slot) != LP_CROSSING_SLOT);
	BUILD_BUG_ON(offsetof(struct lp_crossing, adoptions) != LP_CROSSING_ADOPTIONS);
	BUILD_BUG_ON(offsetof(struct lp_call_registers, number) != LP_CALL_NUMBER);
	BUILD_BUG_ON(offsetof(struct lp_call_registers, arguments) != LP_CALL_ARGUMENT(0));
	BUILD_BUG_ON(sizeof(struct lp_call_registers) > LP_CALL_ROOM || LP_CALL_ROOM % 16);

	if (low < LP_MIRROR_START || top > LP_MIRROR_END || low >= top || low & ~PAGE_MASK ||
	    top & 15 || top - low < LP_STACK_MIN || top - low > LP_STACK_MAX)
		return -EINVAL;
	crossing->mirror = mirror;
	crossing->excursions = 0;
	if (old->low != low || old->top != top)
		set_stack(crossing, LP_STACK_ENTERED, stack);
	return 0;
}

/*
 * Outside of the section: E will be on the slot of that head, on `most` bytes of it. -EINVAL: it
 * can't be a slot. What it had before is no concern any more.
 */
int lp_crossing_adopt(struct lp_crossing *crossing, unsigned long slot, unsigned long most)
{
	struct lp_stack stack = {(slot - most) & PAGE_MASK, PAGE_ALIGN(slot)};

	if (slot & 15 || slot < LP_MIRROR_START + 2 * most || slot > LP_MIRROR_END - PAGE_SIZE)
		return -EINVAL;
	set_stack(crossing, LP_STACK_SLOT, stack);
	crossing->slot = slot;
	return 0;
}

/*
 * Run `function` on U's stack. 0 with its result, -EFAULT if it met an address that has no page,
 * -EINTR if E is to die.
 */
int lp_crossing_run(struct lp_crossing *crossing, lp_elite_fn function, u64 a, u64 b, u64 c,
		    u64 *result)
{
	int error = lp_crossing_enter(crossing);

	if (error)
		return error;
	crossing->aborted = false;
	crossing->repeats = 0;
	*result =
	    lp_crossing_switch(crossing, crossing->stacks[LP_STACK_ENTERED].top, function, a, b, c);
	if (!crossing->aborted) {
		scrub(crossing);
		lp_crossing_leave(crossing);
		return 0;
	}
	/* The section was left before. If the stack is gone, so is what was on it. */
	if (!lp_crossing_enter(crossing)) {
		scrub(crossing);
		lp_crossing_leave(crossing);
	}
	return crossing->error;
}

static void abort_run(struct lp_crossing *crossing, int error)
{
	crossing->aborted = true;
	crossing->error = error;
	lp_crossing_abort(crossing);
}

static int fetch(struct lp_crossing *crossing, unsigned long address, bool write)
{
	unsigned long last = address + ACCESS_MAX - 1;
	int error = lp_mirror_populate(address, write);

	if (error)
		return error;
	if (address != crossing->last_address)
		crossing->repeats = 0;
	crossing->last_address = address;
	if (crossing->repeats++ == REPEATS_MAX)
		return -EFAULT;
	/* Perhaps not part of the access: its absence shows when the access faults again. */
	if ((address ^ last) & PAGE_MASK && lp_mirror_populate(last, write) == -EINTR)
		return -EINTR;
	return 0;
}

/* On E's stack, in the section: get the page of an access that faulted, and come back. */
void lp_crossing_fetch(struct lp_crossing *crossing, unsigned long address, bool write)
{
	int error;

	lp_crossing_leave(crossing);
	crossing->excursions++;
	error = fetch(crossing, address, write);
	if (!error)
		error = lp_crossing_enter(crossing);
	if (error)
		abort_run(crossing, error);
}

/* On E's stack, in the section: make a system call, and come back. */
long lp_crossing_kernel_call(struct lp_crossing *crossing, const struct lp_call_registers *call)
{
	long result;
	int error;

	lp_crossing_leave(crossing);
	result = lp_syscall_result(lp_syscall(call->number, call->arguments));
	error = lp_crossing_enter(crossing);
	if (error)
		abort_run(crossing, error);
	return result;
}
