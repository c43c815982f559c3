// SPDX-License-Identifier: GPL-2.0-only
/*
 * To be preloaded: single steps, by the trap flag, and at each instruction of the program the
 * unwinder, which must come to where the thread began by frames that fit together:
 *
 *	- the innermost is where the thread is; the outermost ones are always the same
 *	- one step opens one frame at most, unless it changes the stack; what is below is as it was
 *	- where serve() was called from, all callee-saved registers are what they were then
 *
 * The environment's STEPS is a file that gets the address of each instruction that was stepped on.
 */
#define _GNU_SOURCE
#include <link.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ucontext.h>
#include <unistd.h>
#include <unwind.h>

enum { FRAMES = 64, REGISTERS = 6, TRAP_FLAG = 0x100, POPFQ = 0x9d, OUTERMOST = 2, STACK = 65536 };

struct frame {
	uint64_t ip, sp;
	uint64_t saved[REGISTERS];
};

struct stack {
	int count;
	struct frame frames[FRAMES];
};

/* Of each thread. `known`: what the last step on the program's text saw; `caller`: where serve()
 * was called from. */
struct thread {
	struct stack known;
	struct frame caller;
	struct frame outermost[OUTERMOST];
	const void *serve;
};

static __thread struct thread self __attribute__((tls_model("initial-exec")));
static const int registers[REGISTERS] = {3, 6, 12, 13, 14, 15};
static uint64_t low, high;
static unsigned char *visited;

static _Noreturn void fail(const char *what, const struct stack *stack)
{
	char line[256];
	int size;

	size = snprintf(line, sizeof(line), "unwinding: %s; frames:\n", what);
	if (write(2, line, size) < 0)
		abort();
	for (int i = 0; i < stack->count; i++) {
		size = snprintf(line, sizeof(line), "  %#lx sp %#lx\n", stack->frames[i].ip,
				stack->frames[i].sp);
		if (write(2, line, size) < 0)
			abort();
	}
	for (int i = 0; i < self.known.count; i++) {
		size = snprintf(line, sizeof(line), "  before: %#lx sp %#lx\n",
				self.known.frames[i].ip, self.known.frames[i].sp);
		if (write(2, line, size) < 0)
			abort();
	}
	_exit(9);
}

static _Unwind_Reason_Code note(struct _Unwind_Context *context, void *argument)
{
	struct stack *stack = argument;
	struct frame *frame = &stack->frames[stack->count];

	if (stack->count == FRAMES)
		return _URC_END_OF_STACK;
	frame->ip = _Unwind_GetIP(context);
	frame->sp = _Unwind_GetCFA(context);
	for (int i = 0; i < REGISTERS; i++)
		frame->saved[i] = _Unwind_GetGR(context, registers[i]);
	stack->count++;
	return _URC_NO_REASON;
}

/* Drop the handler's own frames. */
static void drop_handler(struct stack *stack, uint64_t ip, uint64_t sp)
{
	for (int i = 0; i < stack->count; i++) {
		if (stack->frames[i].ip != ip || stack->frames[i].sp != sp)
			continue;
		stack->count -= i;
		memmove(stack->frames, stack->frames + i, stack->count * sizeof(struct frame));
		return;
	}
	fail("where the thread is was not found", stack);
}

/* Frames below the innermost one are told by their %rsp. */
static int is_below(const struct stack *inner, int from, const struct stack *outer, int at)
{
	if (inner->count - from != outer->count - at)
		return 0;
	for (int i = 0; from + i < inner->count; i++)
		if (inner->frames[from + i].sp != outer->frames[at + i].sp)
			return 0;
	return 1;
}

static int fits(const struct stack *now, const struct stack *before)
{
	int64_t moved = now->frames[0].sp - before->frames[0].sp;
	int most = moved > STACK || -moved > STACK ? now->count : 2;

	for (int from = 2; from <= most; from++)
		if (is_below(now, from, before, 1))
			return 1;
	for (int at = 1; at <= before->count; at++)
		if (is_below(now, 1, before, at))
			return 1;
	return 0;
}

static void check_caller(const struct stack *stack)
{
	for (int i = 1; i < stack->count; i++) {
		const struct frame *frame = &stack->frames[i];

		if (frame->sp != self.caller.sp)
			continue;
		if (frame->ip != self.caller.ip)
			fail("another return address", stack);
		if (memcmp(frame->saved, self.caller.saved, sizeof(frame->saved)))
			fail("callee-saved registers got lost", stack);
		return;
	}
	fail("where serve() was called from was not found", stack);
}

static void check(uint64_t ip, uint64_t sp)
{
	struct stack stack = {.count = 0};

	_Unwind_Backtrace(note, &stack);
	drop_handler(&stack, ip, sp);
	if (stack.count <= OUTERMOST)
		fail("the way to where the thread began was not found", &stack);
	for (int i = 0; i < OUTERMOST; i++) {
		const struct frame *frame = &stack.frames[stack.count - 1 - i];

		if (!self.outermost[i].ip)
			self.outermost[i] = *frame;
		if (frame->ip != self.outermost[i].ip || frame->sp != self.outermost[i].sp)
			fail("another beginning of the thread", &stack);
	}
	if (self.known.count && !fits(&stack, &self.known))
		fail("the frames before and after a step don't fit", &stack);
	if (self.serve && ip == (uint64_t)self.serve) {
		self.caller = stack.frames[1];
		self.serve = NULL;
	}
	/* Back in its frame, nothing is known any more. */
	if (self.caller.sp && sp >= self.caller.sp && ip == self.caller.ip)
		self.caller.sp = 0;
	if (self.caller.sp)
		check_caller(&stack);
	self.known = stack;
}

static void on_trap(int number, siginfo_t *info, void *argument)
{
	greg_t *general = ((ucontext_t *)argument)->uc_mcontext.gregs;
	uint64_t ip = general[REG_RIP], sp = general[REG_RSP];

	(void)number;
	(void)info;
	if (ip < low || ip >= high)
		return;
	visited[ip - low] = 1;
	/* The runtime saves flags without the trap flag: it is to go on. */
	if (*(unsigned char *)ip == POPFQ)
		*(uint64_t *)sp |= TRAP_FLAG;
	check(ip, sp);
}

/* From here on, or no more; serve: the function whose caller is looked at. */
void step(int on, const void *serve)
{
	uint64_t flags;

	self.known.count = 0;
	self.caller.sp = 0;
	self.serve = serve;
	__asm__ volatile("pushfq\n\tpopq %0" : "=r"(flags));
	flags = on ? flags | TRAP_FLAG : flags & ~(uint64_t)TRAP_FLAG;
	__asm__ volatile("pushq %0\n\tpopfq" : : "r"(flags) : "cc", "memory");
}

/* The program's own text: it is the first object. */
static int find_text(struct dl_phdr_info *info, size_t size, void *unused)
{
	(void)size;
	(void)unused;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *segment = &info->dlpi_phdr[i];

		if (segment->p_type == PT_LOAD && segment->p_flags & PF_X) {
			low = info->dlpi_addr + segment->p_vaddr;
			high = low + segment->p_memsz;
		}
	}
	return 1;
}

static __attribute__((constructor)) void begin(void)
{
	struct sigaction action = {.sa_sigaction = on_trap, .sa_flags = SA_SIGINFO};
	struct stack stack = {.count = 0};

	dl_iterate_phdr(find_text, NULL);
	visited = calloc(high - low, 1);
	if (!low || !visited)
		abort();
	_Unwind_Backtrace(note, &stack); /* what it sets up, now */
	sigaction(SIGTRAP, &action, NULL);
}

static __attribute__((destructor)) void end(void)
{
	const char *path = getenv("STEPS");
	FILE *file = path ? fopen(path, "w") : NULL;

	if (!file)
		return;
	for (uint64_t ip = low; ip < high; ip++)
		if (visited[ip - low])
			fprintf(file, "%lx\n", ip);
	fclose(file);
}
