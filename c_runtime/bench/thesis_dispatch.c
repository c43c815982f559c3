// SPDX-License-Identifier: GPL-2.0-only WITH GCC-exception-2.0
/*
 * The dispatch as the thesis has it: "allocation only requires iterating over a bitmap until a 0 is
 * found and using that index to identify the stack's location" (chapter 4).
 */
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>

#include "thesis_dispatch.h"

enum { STACKS = 64, STACK_SIZE = 256 * 1024 };

void *lp_thesis_elite_thread_rsp;
static uint8_t bitmap[STACKS / 8];
static char *stacks;

bool lp_thesis_init(void)
{
	stacks = mmap(NULL, (size_t)STACKS * STACK_SIZE, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	return stacks != MAP_FAILED;
}

static __attribute__((noinline)) int allocate_stack(void)
{
	for (int i = 0; i < STACKS; i++) {
		if (bitmap[i / 8] & 1 << i % 8)
			continue;
		bitmap[i / 8] |= 1 << i % 8;
		return i;
	}
	return -1;
}

static __attribute__((noinline)) void free_stack(int stack)
{
	bitmap[stack / 8] &= ~(1 << stack % 8);
}

/* The minimal function, its one conditional marked as the thesis marks it. */
static __attribute__((noinline)) long process(long depth)
{
	if (lp_thesis_likely(depth == 0))
		return depth + 1;
	return depth;
}

int lp_thesis_dispatch(long params)
{
	int stack = allocate_stack();
	int result;

	if (stack < 0)
		return -1;
	result =
	    lp_thesis_save_and_switch(params, process, stacks + (size_t)STACK_SIZE * (stack + 1));
	if (result == 0)
		free_stack(stack);
	return result;
}
