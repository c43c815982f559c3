// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>

#include "run.h"

int64_t budget;

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
		if (words[i] >= KERNEL_HALF)
			return false;
	return true;
}
