// SPDX-License-Identifier: GPL-2.0-only WITH GCC-exception-2.0
/*
 * How large slots are, and where: decided once, at start.
 *
 * A request must find as much stack on a slot as it would on its thread: what RLIMIT_STACK says, as
 * for the main thread, and for all others by the C library's default. All slots are one reservation
 * of address space without access, so that an address has its slot by a division; a slot's memory
 * comes when it is first taken (stack_allocator.c).
 */
#include <link.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/random.h>
#include <sys/resource.h>

#include "dispatch/imports.h"
#include "lp_parameters.h"
#include "lp_runtime.h"

#define KIB ((uint64_t)1024)
#define MIB (1024 * KIB)
#define PAGE ((uint64_t)4096)

/* Slots of the size that the thread's stack has: at least, and at most. */
#define LEAST (256 * KIB)
#define MOST (1024 * MIB)
/* Where the thread's may grow without end. */
#define UNLIMITED (256 * MIB)
/* Where address space is short: what a slot has at least, and the slots' share of the limit. */
#define SHORT (64 * KIB)
#define SHARE 8
/* As the kernel keeps free below a main thread's stack: a large frame must not jump over it. Less,
 * a share of the stack, where address space is short. */
#define GUARD (1 * MIB)
#define GUARD_SHARE 8

/*
 * Where the slots are put, at random: above any program and its heap, below all libraries, mappings
 * and stacks, also where those grow upwards (`ulimit -s unlimited`: from 42 TiB on, in Linux 6.18
 * from 20). A jump out of a request then
 * goes upwards, as it does on one stack, and __longjmp_chk asks for that.
 */
#define LOWEST ((uint64_t)1 << 42)
#define SPREAD ((uint64_t)1 << 43)

struct lp_slot_layout lp_slots;
struct lp_thread_stacks lp_thread_stacks;

/* In a program that is linked statically, there if something uses it. */
#define WEAK __attribute__((weak))
extern int pthread_attr_setstack(pthread_attr_t *, void *, size_t) WEAK;
extern int pthread_attr_setstacksize(pthread_attr_t *, size_t) WEAK;
extern int pthread_attr_setguardsize(pthread_attr_t *, size_t) WEAK;
extern int pthread_setattr_default_np(const pthread_attr_t *) WEAK;
extern void makecontext(void) WEAK;
extern void __longjmp_chk(void) WEAK;

static uint64_t pages(uint64_t bytes)
{
	return (bytes + PAGE - 1) & -PAGE;
}

static uint64_t limit(int resource)
{
	struct rlimit found;

	return getrlimit(resource, &found) ? RLIM_INFINITY : found.rlim_cur;
}

static uint64_t usual_stack(void)
{
	uint64_t stack = limit(RLIMIT_STACK);

	if (stack == RLIM_INFINITY)
		return UNLIMITED;
	return stack < LEAST ? LEAST : stack > MOST ? MOST : pages(stack);
}

static struct lp_slot_layout layout_for(uint64_t stack, uint64_t wanted)
{
	uint64_t guard = stack < wanted ? pages(stack / GUARD_SHARE) : GUARD;

	return (struct lp_slot_layout){
	    .stride = guard + stack + LP_SLOT_FP_SIZE,
	    .guard = guard,
	    .stack = stack,
	};
}

/* The largest stack, `wanted` or a half of it again and again, that leaves the program its share of
 * what it is limited to (`ulimit -v`, `-d`). */
static uint64_t within_limits(uint64_t wanted)
{
	uint64_t space = limit(RLIMIT_AS) / SHARE, data = limit(RLIMIT_DATA) / SHARE;
	uint64_t stack = wanted;

	while (stack > SHORT &&
	       (layout_for(stack, wanted).stride * LP_STACK_COUNT > space || stack > data))
		stack = pages(stack / 2);
	return stack;
}

/* Whether an object asks for stacks that hold code, as nested functions need it; the loader then
 * makes all of them so. */
static int asks_for_code(struct dl_phdr_info *info, size_t size, void *data)
{
	(void)size;
	(void)data;
	for (int i = 0; i < info->dlpi_phnum; i++)
		if (info->dlpi_phdr[i].p_type == PT_GNU_STACK && info->dlpi_phdr[i].p_flags & PF_X)
			return 1;
	return 0;
}

static void look_at_stacks(uint64_t usual)
{
	bool places = lp_imports("pthread_attr_setstack", true, pthread_attr_setstack);
	bool guards = lp_imports("pthread_attr_setguardsize", true, pthread_attr_setguardsize);
	bool sizes = lp_imports("pthread_attr_setstacksize", true, pthread_attr_setstacksize) ||
		     lp_imports("pthread_setattr_default_np", true, pthread_setattr_default_np);

	/* Libraries take the memory for their coroutines from the heap. */
	lp_thread_stacks.main_is_plain = !lp_imports("makecontext", false, makecontext);
	lp_thread_stacks.others_are_plain = lp_thread_stacks.main_is_plain && !places && !guards;
	lp_thread_stacks.usual = usual > LP_STACK_SIZE ? usual : LP_STACK_SIZE;
	lp_thread_stacks.may_be_large = places || sizes;
	lp_thread_stacks.jumps_are_checked = lp_imports("__longjmp_chk", true, __longjmp_chk);
}

/* As random as other places; the same each time where a debugger has asked for that. */
static void *wanted_place(void)
{
	int kind = personality(0xffffffff);
	uint64_t random = 0;

	if ((kind == -1 || !(kind & ADDR_NO_RANDOMIZE)) &&
	    getrandom(&random, sizeof(random), GRND_NONBLOCK) != sizeof(random))
		return NULL;
	return (void *)(LOWEST + random % SPREAD / PAGE * PAGE);
}

void lp_slots_map(void)
{
	uint64_t usual = usual_stack(), wanted = LP_STACK_SIZE ? LP_STACK_SIZE : usual;
	uint64_t stack = within_limits(wanted);
	void *place = wanted_place();
	struct lp_slot_layout layout;
	size_t bytes;
	void *area;

	for (;; stack = pages(stack / 2)) {
		layout = layout_for(stack, wanted);
		bytes = layout.stride * LP_STACK_COUNT;
		area = mmap(place, bytes, PROT_NONE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
		if (area != MAP_FAILED)
			break;
		if (stack <= SHORT)
			lp_refuse("raise the limit of address space (ulimit -v), or lower "
				  "stack_count in lp.toml",
				  "no address space for %d stack slots of %llu KiB: %m",
				  LP_STACK_COUNT, (unsigned long long)(stack / KIB));
	}
	if (stack < wanted)
		fprintf(stderr,
			"lakeplacid: memory is limited (ulimit -v or -d): a request's stack has "
			"%llu KiB, not %llu\n  remedy: raise the limit, or lower stack_count in "
			"lp.toml\n",
			(unsigned long long)(stack / KIB), (unsigned long long)(wanted / KIB));
	/* A huge page would be touched as a whole. Where there are none, that fails. */
	madvise(area, bytes, MADV_NOHUGEPAGE);
	layout.area = area;
	layout.protection = PROT_READ | PROT_WRITE;
	if (dl_iterate_phdr(asks_for_code, NULL))
		layout.protection |= PROT_EXEC;
	lp_slots = layout;
	look_at_stacks(usual);
}
