// SPDX-License-Identifier: GPL-2.0-only
/*
 * Calls at random: right ones, right ones with something wrong in them, and noise. Errors are what
 * they get; the child that makes them may spoil itself, the kernel must not mind.
 *
 * The test application trusts its caller in some things, as any does whose compiler made sure: its
 * code looks at few of its pointers, and its frames are its own. What would lead it over its own
 * stack, or into the kernel's half, is left out here.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "run.h"

#define CALLS 2000 /* of a child */
#define TARGET_PAGES 4
#define SLOT_SIZE 65536

static uint64_t state = 88172645463325252ULL;
/* What children count and the parent reads: all, and those of RUN that ran something. */
static struct {
	uint64_t calls, runs;
} * counted;
/* What Elite code is pointed to: far from the stacks. */
static char *target;
static char *slot;
static char fx[512] __attribute__((aligned(64)));

static uint64_t random_word(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

static bool one_in(unsigned int many)
{
	return random_word() % many == 0;
}

static uint64_t odd_word(void)
{
	static const uint64_t odd[] = {0,	    1,
				       7,	    4096,
				       65536,	    0x7fffffff,
				       0xffffffff,  0x7ffffffff000,
				       1 << 20,	    0x800000000000,
				       KERNEL_HALF, UINT64_MAX};

	switch (random_word() % 4) {
	case 0:
		return odd[random_word() % COUNT(odd)];
	case 1:
		return random_word();
	case 2:
		return random_word() % 64;
	default:
		return (uintptr_t)target + random_word() % (TARGET_PAGES * PAGE);
	}
}

/* Memory with nothing before and behind it. */
static char *map_alone(size_t size)
{
	char *at = mmap(NULL, size + (2 << 20), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(at != MAP_FAILED);
	at += 1 << 20;
	CHECK(mprotect(at, size, PROT_READ | PROT_WRITE) == 0);
	return at;
}

union argument {
	struct lp_attach attach;
	struct lp_await await;
	struct lp_call call;
	struct lp_enter enter;
	struct lp_run run;
	uint64_t words[16];
};

static void some_call(const struct session *s, struct lp_call *call)
{
	call->operation = random_word() % LP_SELFTEST_SYSCALL;
	call->stack_low = (uintptr_t)s->stack;
	call->stack_top = (uintptr_t)s->stack + STACK_SIZE;
	for (int i = 0; i < 3; i++)
		call->arguments[i] = odd_word();
	call->arguments[2] %= 4096;
	if (call->operation == LP_SELFTEST_COUNT)
		call->arguments[1] %= 10000;
}

/* Registers that the entry's code bears. */
static struct lp_registers registers_for(enum lp_selftest_entry entry)
{
	struct lp_registers registers;
	uint64_t *words = (uint64_t *)&registers;

	for (size_t i = 0; i < sizeof(registers) / 8; i++)
		words[i] = odd_word();
	switch (entry) {
	case LP_ENTRY_LOAD:
	case LP_ENTRY_STORE:
	case LP_ENTRY_COPY:
	case LP_ENTRY_FP_LOAD:
	case LP_ENTRY_CALL:
	case LP_ENTRY_SMASH:
	case LP_ENTRY_ASTRAY:
	case LP_ENTRY_INVERT:
		break;
	case LP_ENTRY_SWITCH:
		registers.rdi = one_in(4) ? random_word() % 64 : (uintptr_t)slot + SLOT_SIZE;
		registers.rsi %= 2;
		registers.rdx &= INT64_MAX;
		break;
	case LP_ENTRY_COUNT:
		registers.r15 = one_in(8) ? odd_word() & INT64_MAX : (uintptr_t)&budget;
		/* fall through */
	default:
		/* Times, and frames; some of these have no budget. */
		registers.rdi = 1 + random_word() % 100;
		registers.rsi &= INT64_MAX;
		registers.r12 = 0x1f80;
	}
	if (entry == LP_ENTRY_DOWNWARDS)
		registers.rdi = odd_word() & INT64_MAX;
	if (entry == LP_ENTRY_CALL)
		registers.rax = random_word() % 450;
	return registers;
}

static void some_run(struct session *s, struct lp_run *asked)
{
	enum lp_selftest_entry entry = random_word() % LP_ENTRIES;
	struct lp_registers registers = registers_for(entry);

	*asked = prepare(s, entry, &registers);
	__asm__ volatile("fxsave64 %0" : "=m"(fx));
	if (one_in(4))
		fx[random_word() % sizeof(fx)] ^= random_word();
	asked->fp = (uintptr_t)fx;
	asked->force = one_in(4) ? (uintptr_t)target : 0;
	/* The handlers of timers interrupt what lasts longer. */
	asked->busy_poll = one_in(8) ? random_word() % 200 : 0;
	if (one_in(8)) {
		asked->registers -= 8 * (random_word() % 64);
		memcpy((void *)asked->registers, &registers, sizeof(registers));
	}
	if (one_in(8))
		asked->stack_low += PAGE * (random_word() % 16);
}

/* A field of a RUN becomes something else. Not its registers: these tell where E's frames are. */
static void spoil_run(struct lp_run *asked)
{
	__u64 *fields[] = {&asked->entry,  &asked->stack_low, &asked->fp,
			   &asked->budget, &asked->force,     &asked->slot_stack};
	static const uint64_t nowhere[] = {0, 1, 4096, 0x7fffffff0000, KERNEL_HALF, UINT64_MAX - 7};

	switch (random_word() % 4) {
	case 0:
		asked->registers = nowhere[random_word() % COUNT(nowhere)];
		break;
	case 1:
		asked->flags = random_word();
		asked->pad = one_in(2) ? 0 : random_word();
		break;
	default:
		*fields[random_word() % COUNT(fields)] = odd_word();
	}
	/* Registers are for one entry only. */
	if (asked->entry % 40 == 0 && asked->entry / 40 < LP_ENTRIES)
		asked->entry++;
}

static void call_once(struct session *s)
{
	static const unsigned long commands[] = {
	    LP_IOC_ATTACH, LP_IOC_AWAIT, LP_IOC_CALL, LP_IOC_CALL,     LP_IOC_RUN,
	    LP_IOC_RUN,	   LP_IOC_RUN,	 LP_IOC_RUN,  LP_IOC_COUNTERS, LP_IOC_ENTER};
	static union argument argument;
	unsigned long command = commands[random_word() % COUNT(commands)];
	void *at = one_in(8) ? (void *)odd_word() : (void *)&argument;

	memset(&argument, 0, sizeof(argument));
	if (command == LP_IOC_ATTACH && one_in(2)) {
		argument.attach = attach_request();
		if (one_in(2))
			strcpy(argument.attach.name, LP_SELFTEST_FP_NAME);
	} else if (command == LP_IOC_CALL && !one_in(4)) {
		some_call(s, &argument.call);
	} else if (command == LP_IOC_RUN) {
		some_run(s, &argument.run);
		if (one_in(3))
			spoil_run(&argument.run);
		if ((uintptr_t)at % PAGE && at != &argument)
			at = NULL;
	}
	if (command != LP_IOC_RUN && one_in(4))
		argument.words[random_word() % COUNT(argument.words)] ^= odd_word();
	/* This one takes the caller for E and would end the test; not without U, though. */
	if (command == LP_IOC_ENTER && one_in(2))
		at = NULL;
	if (one_in(16))
		ioctl(s->fd, (uint32_t)random_word(), at);
	else if (ioctl(s->fd, command, at) == 0)
		counted->runs += command == LP_IOC_RUN;
	if (one_in(32)) {
		int another = ioctl(s->fd, LP_IOC_OPEN, one_in(4) ? odd_word() : 0);

		ioctl(another, LP_IOC_ATTACH, at);
		close(another);
	}
	if (one_in(64))
		mmap((void *)(odd_word() & ~4095ULL), PAGE * (1 + random_word() % 4),
		     random_word() % 8, one_in(2) ? MAP_SHARED : MAP_PRIVATE, s->fd,
		     odd_word() & ~4095ULL);
	counted->calls++;
}

static void nothing(int number)
{
	(void)number;
}

/* Signals again and again: what waits does not wait for long. */
static void interrupt_often(void)
{
	struct sigaction action = {.sa_handler = nothing};
	struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
	struct itimerspec often = {.it_value.tv_nsec = 7000000, .it_interval.tv_nsec = 7000000};
	timer_t timer;

	CHECK(sigaction(SIGUSR1, &action, NULL) == 0);
	CHECK(timer_create(CLOCK_MONOTONIC, &event, &timer) == 0);
	CHECK(timer_settime(timer, 0, &often, NULL) == 0);
}

/* With a session, or half of one. */
static void fuzz_child(void)
{
	struct session s;

	/* Nobody is to hear what system calls at random write; and it says so where it spoils
	 * itself. */
	for (int fd = 0; fd < 3; fd++)
		dup2(open("/dev/null", O_RDWR), fd);
	target = map_alone(TARGET_PAGES * PAGE);
	slot = map_alone(SLOT_SIZE + PAGE);
	if (one_in(8))
		s = (struct session){.fd = open(DEVICE, O_RDWR), .stack = map_pages(16)};
	else
		begin_as(&s, one_in(3) ? LP_SELFTEST_FP_NAME : LP_SELFTEST_NAME);
	alarm(20);
	interrupt_often();
	for (int i = 0; i < CALLS; i++)
		call_once(&s);
	_exit(0);
}

static void random_calls_get_errors_and_nothing_else(void)
{
	double end = now() + 25;
	uint64_t seed = 1;

	CHECK(prctl(PR_SET_CHILD_SUBREAPER, 1) == 0);
	counted = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(counted != MAP_FAILED);
	while (amount_asked ? counted->calls < amount_asked : now() < end) {
		pid_t child = fork();

		if (child == 0) {
			state ^= seed * 0x9e3779b97f4a7c15ULL;
			fuzz_child();
		}
		seed++;
		ended(child, 0);
		while (waitpid(-1, NULL, WNOHANG | __WALL) > 0)
			;
	}
	printf("%lu calls, %lu of them runs, by %lu processes\n", counted->calls, counted->runs,
	       seed - 1);
	CHECK(counted->runs > counted->calls / 20);
}

/* clang-format off */
const struct test fuzz_tests[] = {
	TEST(random_calls_get_errors_and_nothing_else),
	{NULL, NULL},
};
/* clang-format on */
