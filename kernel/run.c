// SPDX-License-Identifier: GPL-2.0-only
/*
 * RUN: Elite code on U's stack, with U's registers.
 *
 * U reads and writes its own memory: before a run, its registers and the return address at the
 * boundary; after it, the frames, which become the Fallback's. E runs the text, and says where it
 * stopped. Whatever goes wrong in E becomes a stop: U can go on from there.
 */
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/sched/signal.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <asm/asm.h>
#include <asm/fpu/api.h>
#include <asm/processor-flags.h>

#include "run.h"
#include "syscalls.h"

/* What E may use of the stack that it was entered on. */
#define STACK_MOST 32768
/* Frames of one stack; more is a walk that went astray. */
#define FRAMES_MAX 4096
/* How often a fault may repeat at one page: to read it, to write it, and by mischance. */
#define REPEATS_MAX 8
/* Budgets that one run may use up without a system call. */
#define SLICES_MAX 64

#define FLAGS_OF_USERS                                                                             \
	(X86_EFLAGS_CF | X86_EFLAGS_PF | X86_EFLAGS_AF | X86_EFLAGS_ZF | X86_EFLAGS_SF |           \
	 X86_EFLAGS_OF)

EXPORT_SYMBOL_GPL(lp_elite_deopt);
EXPORT_SYMBOL_GPL(lp_elite_fault);
EXPORT_SYMBOL_GPL(lp_elite_budget);
EXPORT_SYMBOL_GPL(lp_elite_force);
EXPORT_SYMBOL_GPL(lp_elite_syscall);
EXPORT_SYMBOL_GPL(lp_elite_adopt);

/* -- tables ------------------------------------------------------------------------------------ */

static bool rule_is_sound(const struct lp_frame_rule *rule)
{
	int i;

	/* Below the return address, or nowhere. */
	for (i = 0; i < LP_SAVED_COUNT; i++)
		if (rule->saved[i] > -2 && rule->saved[i])
			return false;
	return (rule->cfa_register == LP_DWARF_RBP || rule->cfa_register == LP_DWARF_RSP) &&
	       rule->kind <= LP_RULE_SWITCH;
}

/* Whether an application's tables can be used. */
bool lp_elite_is_sound(const struct lp_elite *elite)
{
	u64 i, last = 0;

	if (!elite->text || !elite->text_size || !elite->entries || !elite->entry_count ||
	    (elite->site_count && !elite->sites) || (elite->return_count && !elite->returns) ||
	    elite->flags & ~LP_ELITE_FP)
		return false;
	for (i = 0; i < elite->site_count; i++) {
		const struct lp_elite_site *site = &elite->sites[i];

		if (!rule_is_sound(&site->rule) || site->fallback >= LP_MIRROR_END ||
		    site->site >= LP_MIRROR_END ||
		    (site->elite != U64_MAX && site->elite >= elite->text_size))
			return false;
	}
	for (i = 0; i < elite->return_count; i++) {
		const struct lp_elite_return *record = &elite->returns[i];

		if (!rule_is_sound(&record->rule) || record->elite > elite->text_size ||
		    record->elite <= last || record->fallback >= LP_MIRROR_END)
			return false;
		last = record->elite;
	}
	for (i = 0; i < elite->entry_count; i++)
		if (!rule_is_sound(&elite->entries[i].rule) ||
		    elite->entries[i].elite >= elite->text_size)
			return false;
	return true;
}

static const struct lp_elite_site *site_at(const struct lp_elite *elite, u64 offset)
{
	u64 index = offset / sizeof(struct lp_elite_site);

	if (offset % sizeof(struct lp_elite_site) || index >= elite->site_count)
		return NULL;
	return &elite->sites[index];
}

static bool is_text(const struct lp_elite *elite, u64 address)
{
	return address - (u64)elite->text <= elite->text_size;
}

static const struct lp_elite_return *return_at(const struct lp_elite *elite, u64 address)
{
	u64 low = 0, high = elite->return_count, offset = address - (u64)elite->text;

	while (low < high) {
		u64 middle = low + (high - low) / 2;

		if (elite->returns[middle].elite < offset)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == elite->return_count || elite->returns[low].elite != offset)
		return NULL;
	return &elite->returns[low];
}

/* -- floating point --------------------------------------------------------------------------- */

static void save_fp(struct lp_run_state *state)
{
	asm volatile("fxsave64 %0" : "=m"(state->fx));
}

static void load_fp(struct lp_run_state *state)
{
	asm volatile("fxrstor64 %0" : : "m"(state->fx));
}

/* What a processor does not know in MXCSR would be a fault: an image of its own says what it knows.
 */
static void keep_to_known_bits(u8 *fx)
{
	u8 own[LP_FX_SIZE] __aligned(16);
	u32 known;

	kernel_fpu_begin();
	asm volatile("fxsave64 %0" : "=m"(own));
	kernel_fpu_end();
	known = *(u32 *)(own + LP_FX_MXCSR_MASK);
	*(u32 *)(fx + LP_FX_MXCSR) &= known ? known : 0xffbf;
}

/* -- U: before and after ----------------------------------------------------------------------- */

static int read_word(u64 address, u64 *word)
{
	if (address % 8 || address >= LP_MIRROR_END)
		return -EUCLEAN;
	return get_user(*word, (u64 __user *)address) ? -EFAULT : 0;
}

static int write_word(u64 address, u64 word)
{
	return put_user(word, (u64 __user *)address) ? -EFAULT : 0;
}

/* The canonical frame address of a frame with this stack pointer and %rbp. */
static int frame_address(const struct lp_frame_rule *rule, u64 rsp, u64 rbp, u64 *cfa)
{
	u64 at = (rule->cfa_register == LP_DWARF_RBP ? rbp : rsp) + (s64)rule->cfa_offset;
	int error;

	if (rule->kind == LP_RULE_SWITCH) {
		error = read_word(at, &at);
		if (error)
			return error;
		*cfa = at + 8;
		return *cfa % 8 || *cfa >= LP_MIRROR_END ? -EUCLEAN : 0;
	}
	*cfa = at;
	return at % 8 || at < rsp + 8 || at >= LP_MIRROR_END ? -EUCLEAN : 0;
}

/* Take U's registers for a run. */
int lp_run_begin(struct lp_run_state *state, const struct lp_elite *elite, const struct lp_run *run,
		 struct lp_mirror *mirror)
{
	u64 index = run->entry / sizeof(struct lp_elite_entry);
	const struct lp_elite_entry *entry;
	u64 rsp = run->registers + sizeof(struct lp_registers), low, cfa;
	int error;

	if (run->flags & ~LP_RUN_REQUEST || run->entry % sizeof(struct lp_elite_entry) ||
	    index >= elite->entry_count || run->registers % 8 || run->registers < LP_MIRROR_START ||
	    rsp >= LP_MIRROR_END || run->stack_low & ~PAGE_MASK || run->stack_low > rsp ||
	    rsp - run->stack_low < LP_STACK_RESERVE || run->budget % 8 || run->force % 8 ||
	    run->fp % 64 || run->slot_stack & ~PAGE_MASK || run->slot_stack <= LP_STACK_RESERVE ||
	    run->slot_stack > LP_STACK_MAX || run->busy_poll > LP_BUSY_POLL_MAX || run->pad)
		return -EINVAL;
	entry = &elite->entries[index];
	if (copy_from_user(&state->registers, (void __user *)run->registers,
			   offsetof(struct lp_elite_registers, rsp)))
		return -EFAULT;
	state->registers.flags = (state->registers.flags & FLAGS_OF_USERS) | X86_EFLAGS_FIXED |
				 X86_EFLAGS_IF | X86_EFLAGS_AC;
	state->registers.rsp = rsp;
	state->registers.target = (u64)elite->text + entry->elite;
	if (elite->flags & LP_ELITE_FP) {
		if (copy_from_user(state->fx, (void __user *)run->fp, LP_FX_SIZE))
			return -EFAULT;
		keep_to_known_bits(state->fx);
		/* What asks for a trap would have it in the kernel. */
		if (~*(u32 *)(state->fx + LP_FX_MXCSR) & LP_FX_MXCSR_MASKS)
			return -EOPNOTSUPP;
	}

	if (frame_address(&entry->rule, rsp, state->registers.rbp, &cfa))
		return -EINVAL;
	low = max_t(u64, run->stack_low, (rsp - STACK_MOST) & PAGE_MASK);
	error = lp_crossing_prepare(&state->crossing, mirror, low, PAGE_ALIGN(cfa));
	if (error)
		return error;
	error = read_word(cfa - 8, &state->kept);
	if (!error)
		error = write_word(cfa - 8, (u64)lp_elite_exit);
	if (error)
		return error;
	state->kept_at = cfa - 8;
	state->elite = elite;
	state->user = current;
	state->budget = run->budget;
	state->force = run->force;
	state->slot_stack = run->slot_stack;
	state->busy_poll = run->busy_poll;
	state->open_files = current->signal->rlim[RLIMIT_NOFILE];
	state->file_size = current->signal->rlim[RLIMIT_FSIZE];
	state->adoptions = state->crossing.adoptions;
	WRITE_ONCE(state->claim, LP_RUN_OFFERED);
	state->slices = 0;
	state->fault_repeats = 0;
	state->nudged = false;
	state->request = run->flags & LP_RUN_REQUEST;
	state->stop = (struct lp_stop){};
	state->counters.runs++;
	return 0;
}

static bool claim(struct lp_run_state *state, enum lp_run_claim by)
{
	return cmpxchg(&state->claim, LP_RUN_OFFERED, by) == LP_RUN_OFFERED;
}

/* E did not begin, and will not. */
static void undo(struct lp_run_state *state)
{
	if (write_word(state->kept_at, state->kept))
		force_sig(SIGSEGV);
}

/*
 * U does not wait for E any more, which may be about to begin: on a stack with U's own return
 * address it would return there. False: it has begun, and the stack is E's.
 */
bool lp_run_withdraw(struct lp_run_state *state)
{
	if (!claim(state, LP_RUN_WITHDRAWN))
		return false;
	undo(state);
	return true;
}

/* A walk over the frames that E left: `where` says which word of the stack has a register. */
struct walk {
	struct lp_run_state *state;
	const struct lp_frame_rule *rule;
	u64 rsp;
	u64 rbp;       /* in the frame at hand */
	u64 other_rsp; /* where the other stack stands, if the walk came there */
};

/* Each return address becomes the Fallback's, up to the boundary's. */
static int translate(struct walk *walk)
{
	const struct lp_elite *elite = walk->state->elite;
	unsigned int frame;

	for (frame = 0; frame < FRAMES_MAX; frame++) {
		const struct lp_elite_return *record;
		s16 saved = walk->rule->saved[1]; /* %rbp's */
		u64 cfa, address;
		int error = frame_address(walk->rule, walk->rsp, walk->rbp, &cfa);

		if (!error)
			error = read_word(cfa - 8, &address);
		if (!error && saved && cfa + 8 * (s64)saved >= walk->rsp)
			error = read_word(cfa + 8 * (s64)saved, &walk->rbp);
		if (error)
			return error;
		if (walk->rule->kind == LP_RULE_SWITCH)
			walk->other_rsp = cfa - 8;
		walk->rsp = cfa;
		if (address == (u64)lp_elite_exit)
			return cfa - 8 == walk->state->kept_at
				   ? write_word(cfa - 8, walk->state->kept)
				   : -EUCLEAN;
		if (!is_text(elite, address))
			return -EUCLEAN;
		record = return_at(elite, address);
		if (!record)
			return -EUCLEAN;
		error = write_word(cfa - 8, record->fallback);
		if (error)
			return error;
		walk->rule = &record->rule;
	}
	return -EUCLEAN;
}

static int clear_words(u64 address, u64 count)
{
	if (!user_access_begin((void __user *)address, count * 8))
		return -EFAULT;
	asm volatile("1: rep stosq\n"
		     "2:\n" _ASM_EXTABLE_UA(1b, 2b)
		     : "+c"(count), "+D"(address)
		     : "a"(0L)
		     : "memory");
	user_access_end();
	return count ? -EFAULT : 0;
}

/*
 * Nothing of the kernel's is to stay on a stack below what is live: return addresses, and what
 * interrupts pushed.
 */
static int scrub(const struct lp_stack *stack, u64 top, u64 rsp, u64 other_rsp)
{
	u64 end = top;

	if (stack->low == stack->top)
		return 0;
	if (rsp > stack->low && rsp <= stack->top)
		end = rsp;
	else if (other_rsp > stack->low && other_rsp <= stack->top)
		end = other_rsp;
	return clear_words(stack->low, (end - stack->low) / 8);
}

/* Whether a call that U's pending signals interrupted is to be made again, as signal(7) has it. */
static bool is_made_again(long result)
{
	bool handled = false, restarts = true;
	sigset_t pending;
	int number;

	spin_lock_irq(&current->sighand->siglock);
	sigorsets(&pending, &current->pending.signal, &current->signal->shared_pending.signal);
	sigandnsets(&pending, &pending, &current->blocked);
	for (number = 1; number <= _NSIG; number++) {
		const struct k_sigaction *action = &current->sighand->action[number - 1];

		if (!sigismember(&pending, number) || action->sa.sa_handler == SIG_DFL ||
		    action->sa.sa_handler == SIG_IGN)
			continue;
		handled = true;
		if (!(action->sa.sa_flags & SA_RESTART))
			restarts = false;
	}
	spin_unlock_irq(&current->sighand->siglock);
	switch (result) {
	case -ERESTARTNOINTR:
		return true;
	case -ERESTARTSYS:
		return restarts;
	}
	return !handled;
}

/* Where U goes on, and by which rule its innermost frame is found. */
static int resolve(struct lp_run_state *state, const struct lp_frame_rule **rule, u64 *site)
{
	struct lp_stop *stop = &state->stop;
	const struct lp_elite_return *record;
	const struct lp_elite_site *left;

	*site = 0;
	if (stop->interrupted && !is_made_again(stop->interrupted)) {
		stop->behind = true;
		state->registers.rax = -EINTR;
	}
	if (stop->behind) {
		record = return_at(state->elite, stop->address);
		if (!record)
			return -EUCLEAN;
		state->registers.target = record->fallback;
		*rule = &record->rule;
		return 0;
	}
	left = site_at(state->elite, stop->site);
	if (!left)
		return -EUCLEAN;
	state->registers.target = left->fallback;
	*rule = &left->rule;
	*site = left->site;
	return 0;
}

/*
 * U can't go on. It is not to learn from what E left, which may be addresses in the kernel.
 */
static void clear_all(struct lp_run_state *state)
{
	const struct lp_stack *stacks = state->crossing.stacks;
	int error;

	error = scrub(&stacks[LP_STACK_ENTERED], state->kept_at + 8, 0, 0);
	if (!error && state->crossing.adoptions != state->adoptions)
		error = scrub(&stacks[LP_STACK_SLOT], state->crossing.slot, 0, 0);
	if (error)
		force_sig(SIGKILL);
}

/* Give U its registers back. -EUCLEAN: its stack is not what Elite left; -EFAULT: it is gone. */
static int give_back(struct lp_run_state *state, struct lp_run *run)
{
	struct lp_elite_registers *registers = &state->registers;
	struct walk walk = {.state = state, .rsp = registers->rsp, .rbp = registers->rbp};
	const struct lp_stack *stacks = state->crossing.stacks;
	u64 rsp = registers->rsp, site = 0;
	u64 words[sizeof(struct lp_registers) / 8];
	int error = 0;

	if (rsp % 8 || rsp < LP_MIRROR_START + sizeof(struct lp_registers) || rsp >= LP_MIRROR_END)
		return -EUCLEAN;
	if (state->stop.reason == LP_RUN_EXIT) {
		if (rsp != state->kept_at + 8)
			return -EUCLEAN;
		registers->target = state->kept;
	} else {
		error = resolve(state, &walk.rule, &site);
		if (!error)
			error = translate(&walk);
	}
	if (!error)
		error = scrub(&stacks[LP_STACK_ENTERED], stacks[LP_STACK_ENTERED].top, rsp,
			      walk.other_rsp);
	/*
	 * An empty slot ends at its head, which is the program's. One that only runs before this
	 * were on may be anybody's by now.
	 */
	if (!error && state->crossing.adoptions != state->adoptions)
		error = scrub(&stacks[LP_STACK_SLOT], state->crossing.slot, rsp, walk.other_rsp);
	if (error)
		return error;
	registers->flags &= FLAGS_OF_USERS | X86_EFLAGS_DF;
	registers->flags |= X86_EFLAGS_FIXED | X86_EFLAGS_IF;
	memcpy(words, registers, offsetof(struct lp_elite_registers, rsp));
	words[ARRAY_SIZE(words) - 1] = registers->target;
	if (copy_to_user((void __user *)(rsp - sizeof(struct lp_registers)), words, sizeof(words)))
		return -EFAULT;
	if (state->elite->flags & LP_ELITE_FP &&
	    copy_to_user((void __user *)run->fp, state->fx, LP_FX_SIZE))
		return -EFAULT;
	run->registers = rsp - sizeof(struct lp_registers);
	run->reason = state->stop.reason;
	run->site = site;
	return 0;
}

/* E has stopped. 0, and U goes on as `run` says; -EFAULT: nothing was run; -EUCLEAN: it can't. */
int lp_run_end(struct lp_run_state *state, struct lp_run *run)
{
	int error;

	if (state->stop.unbegun) {
		undo(state);
		return -EFAULT;
	}
	error = give_back(state, run);
	if (error == -EUCLEAN)
		clear_all(state);
	if (error != -EFAULT)
		return error;
	/* The stack that it is on has gone: what it would see at its next push. */
	force_sig(SIGSEGV);
	return -EUCLEAN;
}

/* Add a session's to a sum; it may be running. */
void lp_run_count(struct lp_run_counters *sum, const struct lp_run_state *state)
{
	const struct lp_run_counters *more = &state->counters;
	unsigned int i;

	sum->runs += READ_ONCE(more->runs);
	for (i = 0; i < LP_RUN_REASONS; i++)
		sum->stops[i] += READ_ONCE(more->stops[i]);
	sum->requests += READ_ONCE(more->requests) + READ_ONCE(state->crossing.adoptions);
	sum->system_calls += READ_ONCE(more->system_calls);
}

/* -- E ----------------------------------------------------------------------------------------- */

static int enter(struct lp_run_state *state)
{
	int error = lp_crossing_enter(&state->crossing);

	if (!error && state->elite->flags & LP_ELITE_FP) {
		kernel_fpu_begin_mask(0);
		load_fp(state);
	}
	return error;
}

/*
 * Around a system call, which leaves no vector register what it was: only how to calculate. They
 * are loaded again all the same, with what they were some time before, since what the processor has
 * in them after it is somebody else's.
 */
static void leave_for_call(struct lp_run_state *state)
{
	if (state->elite->flags & LP_ELITE_FP) {
		asm volatile("stmxcsr %0" : "=m"(*(u32 *)(state->fx + LP_FX_MXCSR)));
		kernel_fpu_end();
	}
	lp_crossing_leave(&state->crossing);
}

static void leave(struct lp_run_state *state)
{
	if (state->elite->flags & LP_ELITE_FP) {
		save_fp(state);
		kernel_fpu_end();
	}
	lp_crossing_leave(&state->crossing);
}

/* The run is over; the section has been left. Does not return. */
static void end(struct lp_run_state *state)
{
	state->counters.stops[state->stop.reason]++;
	lp_crossing_abort(&state->crossing);
}

static void stop_at(struct lp_run_state *state, u32 reason, u64 site)
{
	state->stop.reason = reason;
	state->stop.site = site;
	end(state);
}

static void stop_behind(struct lp_run_state *state, u32 reason, u64 address)
{
	state->stop.reason = reason;
	state->stop.behind = true;
	state->stop.address = address;
	end(state);
}

/* Go on where the site says that Elite may. */
static void go_on(struct lp_run_state *state, u32 reason, u64 offset)
{
	const struct lp_elite_site *site = site_at(state->elite, offset);

	if (!site || site->elite == U64_MAX || enter(state))
		stop_at(state, reason, offset);
	state->registers.target = (u64)state->elite->text + site->elite;
}

/* Fetch the page of a fault: first to read, then to write. */
static void fault(struct lp_run_state *state, u64 site, u64 address)
{
	u64 page = address & PAGE_MASK;
	bool write = page == state->fault_page && state->fault_repeats;

	leave(state);
	if (page != state->fault_page)
		state->fault_repeats = 0;
	state->fault_page = page;
	state->crossing.excursions++;
	if (state->fault_repeats++ == REPEATS_MAX || lp_mirror_populate(address, write)) {
		stop_at(state, LP_RUN_FAULT, site);
	}
	go_on(state, LP_RUN_FAULT, site);
}

static void spend(struct lp_run_state *state, u64 site)
{
	leave(state);
	cond_resched();
	if (READ_ONCE(state->nudged))
		stop_at(state, LP_RUN_SIGNAL, site);
	if (++state->slices == SLICES_MAX ||
	    put_user((s64)LP_KERNEL_BUDGET, (s64 __user *)state->budget))
		stop_at(state, LP_RUN_BUDGET, site);
	go_on(state, LP_RUN_BUDGET, site);
}

static bool is_forced(struct lp_run_state *state, const struct lp_elite_site *site)
{
	struct lp_kernel_force __user *user = (struct lp_kernel_force __user *)state->force;
	struct lp_kernel_force force;
	u8 forced = 0;
	u64 x;

	if (copy_from_user(&force, user, sizeof(force)))
		return true;
	switch (force.mode) {
	case LP_FORCE_ALL:
		return true;
	case LP_FORCE_SITE:
		return get_user(forced,
				(u8 __user *)(site->site + offsetof(struct lp_site, forced))) ||
		       forced;
	case LP_FORCE_NTH:
		return put_user(force.visits + 1, &user->visits) || force.visits + 1 == force.nth;
	case LP_FORCE_RANDOM:
		x = force.random + 0x9e3779b97f4a7c15;
		if (put_user(x, &user->random))
			return true;
		x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
		x = (x ^ x >> 27) * 0x94d049bb133111eb;
		x ^= x >> 31;
		return force.probability == U64_MAX || x < force.probability;
	}
	return false;
}

static void force(struct lp_run_state *state, u64 offset)
{
	const struct lp_elite_site *site = site_at(state->elite, offset);

	leave(state);
	if (!site || !state->force || is_forced(state, site))
		stop_at(state, LP_RUN_DEOPT, offset);
	go_on(state, LP_RUN_DEOPT, offset);
}

static bool is_interrupted(long result)
{
	return result == -ERESTARTSYS || result == -ERESTARTNOINTR || result == -ERESTARTNOHAND ||
	       result == -ERESTART_RESTARTBLOCK;
}

/* Whether somebody else sees U's system calls, and may judge them: E's would go past him. */
static bool is_watched(struct task_struct *user)
{
	return READ_ONCE(task_thread_info(user)->syscall_work) &
	       (SYSCALL_WORK_SECCOMP | SYSCALL_WORK_SYSCALL_TRACE | SYSCALL_WORK_SYSCALL_EMU |
		SYSCALL_WORK_SYSCALL_USER_DISPATCH);
}

static void make_system_call(struct lp_run_state *state, u64 behind, u64 site)
{
	struct lp_elite_registers *registers = &state->registers;
	unsigned long arguments[LP_ARGUMENTS] = {
	    registers->rdi, registers->rsi, registers->rdx,
	    registers->r10, registers->r8,  registers->r9,
	};
	long result;

	leave_for_call(state);
	state->counters.system_calls++;
	state->slices = 0;
	if (READ_ONCE(state->nudged))
		stop_at(state, LP_RUN_SIGNAL, site);
	if (is_watched(state->user))
		stop_at(state, LP_RUN_SYSCALL, site);
	lp_syscall_spin(registers->rax, arguments, state->busy_poll);
	result = lp_syscall(registers->rax, arguments);
	if (result == -ENOSYS)
		stop_at(state, LP_RUN_SYSCALL, site);
	if (is_interrupted(result)) {
		state->stop.interrupted = result;
		state->stop.address = behind;
		stop_at(state, LP_RUN_SIGNAL, site);
	}
	registers->rax = result;
	if (lp_syscall_signals(state->user) || READ_ONCE(state->nudged))
		stop_behind(state, LP_RUN_SIGNAL, behind);
	if (!is_text(state->elite, behind) || enter(state))
		stop_behind(state, LP_RUN_FAULT, behind);
	registers->target = behind;
}

/* E is about to run on another slot than before. */
static void adopt(struct lp_run_state *state, u64 behind, u64 site)
{
	u64 slot = state->registers.r11;

	leave(state);
	if (!is_text(state->elite, behind) ||
	    lp_crossing_adopt(&state->crossing, slot, state->slot_stack) || enter(state))
		stop_at(state, LP_RUN_DEOPT, site);
	state->crossing.adoptions++;
	state->registers.target = behind;
}

/*
 * From the text, on E's stack, in the section. The registers are there but %rsp; frame: the words
 * on U's stack. What is to go on with; or it does not return, and lp_run_elite() goes on.
 */
struct lp_elite_registers *lp_elite_came(struct lp_crossing *crossing, const u64 *frame,
					 unsigned int how, unsigned long fault_address)
{
	struct lp_run_state *state = container_of(crossing, struct lp_run_state, crossing);
	struct lp_elite_registers *registers = &state->registers;
	u64 first = how == LP_CAME_EXIT ? 0 : frame[0], second = 0;
	unsigned int words = how == LP_CAME_EXIT ? 0 : 1;

	BUILD_BUG_ON((long)offsetof(struct lp_run_state, registers) -
			 (long)offsetof(struct lp_run_state, crossing) !=
		     LP_RUN_REGISTERS);
	BUILD_BUG_ON(offsetof(struct lp_elite_registers, flags) != LP_REGISTERS_FLAGS);
	BUILD_BUG_ON(offsetof(struct lp_elite_registers, rsp) != LP_RUN_REG_RSP);
	BUILD_BUG_ON(offsetof(struct lp_elite_registers, target) != LP_RUN_REG_TARGET);

	/* They come back into supervisor mode: U must not have a say in them. */
	registers->flags = (registers->flags & (FLAGS_OF_USERS | X86_EFLAGS_DF)) |
			   X86_EFLAGS_FIXED | X86_EFLAGS_IF | X86_EFLAGS_AC;
	if (how == LP_CAME_SYSCALL || how == LP_CAME_ADOPT)
		second = frame[words++];
	registers->rsp = (u64)(frame + words);
	switch (how) {
	case LP_CAME_EXIT:
		leave(state);
		state->stop.reason = LP_RUN_EXIT;
		end(state);
		break;
	case LP_CAME_DEOPT:
		leave(state);
		stop_at(state, LP_RUN_DEOPT, first);
		break;
	case LP_CAME_FAULT:
		fault(state, first, fault_address);
		break;
	case LP_CAME_BUDGET:
		spend(state, first);
		break;
	case LP_CAME_FORCE:
		force(state, first);
		break;
	case LP_CAME_SYSCALL:
		make_system_call(state, first, second);
		break;
	case LP_CAME_ADOPT:
		adopt(state, first, second);
		break;
	}
	return registers;
}

/* Run what lp_run_begin() prepared, until it stops. */
void lp_run_elite(struct lp_run_state *state)
{
	task_lock(current->group_leader);
	current->signal->rlim[RLIMIT_NOFILE] = state->open_files;
	current->signal->rlim[RLIMIT_FSIZE] = state->file_size;
	task_unlock(current->group_leader);
	/*
	 * Else U's stack is not there: U will see. It goes on as if nothing had been. A slot of a
	 * run before that has gone is forgotten when that is noticed.
	 */
	state->stop.unbegun = enter(state) && enter(state);
	if (state->stop.unbegun)
		return;
	if (!claim(state, LP_RUN_BEGUN)) {
		leave(state);
		return;
	}
	if (state->request)
		WRITE_ONCE(state->counters.requests, state->counters.requests + 1);
	lp_elite_start(&state->crossing, &state->registers);
}
