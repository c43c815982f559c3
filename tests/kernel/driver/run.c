// SPDX-License-Identifier: GPL-2.0-only
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "run.h"

int64_t budget;
uint64_t word;

struct lp_registers some_registers(void)
{
	struct lp_registers registers;
	uint64_t *words = (uint64_t *)&registers;

	for (size_t i = 0; i < sizeof(registers) / 8; i++)
		words[i] = 0x0101010101010101 * (i + 1);
	registers.flags = ALWAYS_FLAGS;
	return registers;
}

uint64_t *frame_of(struct session *session)
{
	return (uint64_t *)(session->stack + STACK_SIZE - 64);
}

struct lp_run prepare(struct session *session, uint64_t entry, const struct lp_registers *given)
{
	uint64_t *frame = frame_of(session);
	struct lp_registers *registers = (struct lp_registers *)frame - 1;
	struct lp_run run = {
	    .entry = entry * 40,
	    .registers = (uintptr_t)registers,
	    .stack_low = (uintptr_t)session->stack,
	    .budget = (uintptr_t)&budget,
	    .slot_stack = 32768,
	};

	*frame = RETURN_ADDRESS;
	*registers = *given;
	return run;
}

struct outcome go(struct session *session, struct lp_run *run)
{
	struct outcome outcome = {.error = ioctl_error(session->fd, LP_IOC_RUN, run)};

	if (outcome.error)
		return outcome;
	outcome.reason = run->reason;
	outcome.site = run->site;
	outcome.rsp = run->registers + sizeof(struct lp_registers);
	memcpy(&outcome.registers, (void *)run->registers, sizeof(outcome.registers));
	return outcome;
}

struct outcome run(struct session *session, uint64_t entry, const struct lp_registers *given)
{
	struct lp_run run = prepare(session, entry, given);

	return go(session, &run);
}

bool same_registers(const struct lp_registers *a, const struct lp_registers *b)
{
	return !memcmp(a, b, offsetof(struct lp_registers, site));
}

bool is_clean(const void *from, size_t size)
{
	const uint64_t *words = from;

	for (size_t i = 0; i < size / 8; i++)
		if (words[i] >= KERNEL_HALF) {
			printf("%#lx at %p\n", words[i], (const void *)&words[i]);
			return false;
		}
	return true;
}

struct lp_registers counting(uint64_t times, uint64_t *at)
{
	struct lp_registers given = some_registers();

	given.rdi = times;
	given.rsi = (uintptr_t)at;
	given.r15 = (uintptr_t)&budget;
	return given;
}

struct lp_registers calling(long number, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
	struct lp_registers given = some_registers();

	given.rax = number;
	given.rdi = a;
	given.rsi = b;
	given.rdx = c;
	given.r10 = d;
	given.r8 = 0;
	given.r9 = 0;
	return given;
}

char *map_slot(void)
{
	return map_pages(2 + SLOT_STACK / PAGE) + PAGE + SLOT_STACK;
}

struct lp_registers switching(char *slot, uint64_t how)
{
	struct lp_registers given = some_registers();

	given.rdi = (uintptr_t)slot;
	given.rsi = how;
	given.rdx = (uintptr_t)&word;
	return given;
}

pid_t running_process(pid_t *body, uint64_t entry)
{
	int ends[2];
	pid_t child;

	CHECK(pipe(ends) == 0);
	child = fork();
	if (child == 0) {
		struct lp_registers given;
		struct session s;
		int forever[2];

		begin(&s);
		CHECK(pipe(forever) == 0);
		given = entry == LP_ENTRY_COUNT
			    ? counting(1ULL << 60, &word)
			    : calling(SYS_read, forever[0], (uintptr_t)&word, 1, 0);
		CHECK(write(ends[1], &s.body, sizeof(s.body)) == sizeof(s.body));
		for (;;)
			run(&s, entry, &given);
	}
	CHECK(read(ends[0], body, sizeof(*body)) == sizeof(*body));
	close(ends[0]);
	close(ends[1]);
	return child;
}
