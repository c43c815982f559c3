// SPDX-License-Identifier: GPL-2.0
/*
 * Drives frames.S: `main SCENARIO …` does one thing and prints what a test looks at.
 */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

long request(long depth);
long call_checked(long depth);

/* What frames.S reads and writes: see the offsets there. */
struct state {
	uint64_t general[15];
	uint64_t flags;
	double st1_unused;
	uint32_t mxcsr;
	uint16_t x87_control, pad;
	uint64_t mask;
	double unused;
	unsigned char vector[32][64];
};
_Static_assert(offsetof(struct state, vector) == 160, "frames.S");

struct state pattern, found;
uint64_t stay, vectors, errors, finished_in_elite;
static uint64_t fallbacks;
static void (*hook)(void);

void in_fallback(void)
{
	__atomic_fetch_add(&fallbacks, 1, __ATOMIC_SEQ_CST);
	if (hook)
		hook();
}

static long triangle(long depth)
{
	return depth * (depth + 1) / 2;
}

static void report(void)
{
	printf("errors=%lu fallbacks=%lu elite=%lu\n", errors, fallbacks, finished_in_elite);
	fflush(stdout);
}

static void call(long depth)
{
	long result = call_checked(depth);

	if (result != triangle(depth)) {
		printf("result %ld instead of %ld\n", result, triangle(depth));
		__atomic_fetch_add(&errors, 1, __ATOMIC_SEQ_CST);
	}
}

/* -- registers --------------------------------------------------------------------------------- */

static void fill(void)
{
	for (int i = 0; i < 15; i++)
		pattern.general[i] = 0x0101010101010101 * (i + 1) ^ 0xdeadbeef00000000;
	pattern.flags = 0xcd7; /* CF PF AF ZF SF DF OF, IF reads as set */
	pattern.flags |= 0x202;
	pattern.mxcsr = 0x1f80 | 0x6000; /* round towards zero */
	pattern.x87_control = 0x0f7f;	 /* the same, and extended precision's mask bits */
	pattern.mask = 0xa5a5;
	for (int i = 0; i < 32; i++)
		memset(pattern.vector[i], 0x40 + i, 64);
	for (int i = 0; i < 32; i++)
		for (int j = 0; j < 64; j++)
			pattern.vector[i][j] += j;
	__builtin_cpu_init();
	vectors = __builtin_cpu_supports("avx512f") ? 3 : __builtin_cpu_supports("avx") ? 2 : 1;
}

static void registers(int count, char **depths)
{
	static const size_t width[] = {0, 16, 32, 64};
	int vector_count = vectors == 3 ? 32 : 16;

	for (int k = 0; k < count; k++) {
		long depth = atol(depths[k]);

		memset(&found, 0, sizeof(found));
		call(depth);
		for (int i = 0; i < 15; i++)
			if (found.general[i] != pattern.general[i])
				printf("register %d: %lx not %lx\n", i, found.general[i],
				       pattern.general[i]);
		if (found.flags != pattern.flags)
			printf("flags: %lx not %lx\n", found.flags, pattern.flags);
		if (found.mxcsr != pattern.mxcsr || found.x87_control != pattern.x87_control)
			printf("mxcsr %x x87 %x\n", found.mxcsr, found.x87_control);
		if (memcmp(&found.st1_unused, &(double){3.141592653589793}, 8) ||
		    found.unused != 1.0)
			printf("x87: %.17g %.17g\n", found.st1_unused, found.unused);
		if (vectors == 3 && found.mask != pattern.mask)
			printf("mask: %lx\n", found.mask);
		for (int i = 0; i < vector_count; i++)
			if (memcmp(found.vector[i], pattern.vector[i], width[vectors]))
				printf("vector %d differs\n", i);
	}
	report();
}

int main(int argc, char **argv)
{
	const char *scenario = argc > 1 ? argv[1] : "";

	if (!strcmp(scenario, "registers")) {
		fill();
		registers(argc - 2, argv + 2);
	} else {
		return 3;
	}
	return errors != 0;
}
