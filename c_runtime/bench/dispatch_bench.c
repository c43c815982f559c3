// SPDX-License-Identifier: GPL-2.0-only WITH GCC-exception-2.0
/*
 * What a dispatch and a deopt cost, measured as the thesis does for its Table 4.1: a minimal
 * function is called 10,000 times in a loop, and that 100 times over.
 *
 *	LP_ELITE=inprocess dispatch_bench [REPEATS [CALLS]]
 *
 * prints one JSON object. Each array has a number for each repeat: nanoseconds per call.
 *
 *	direct		a call of the minimal function
 *	switched	the same through the request function's stub: onto a slot and back
 *	thesis		the same by the thesis's scheme (thesis_dispatch.c)
 *	deopt		by depth of the stack: leaving Elite at the innermost frame
 *
 * A deopt's time is that of a request which leaves and finishes in the Fallback, less that of one
 * which stays. So what the processor loses by returning to other addresses than it called from is
 * in it.
 *
 * All kinds take turns in each repeat, so that what disturbs the machine disturbs all of them.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "lp_runtime.h"
#include "thesis_dispatch.h"

long lp_bench_request(long depth, long leave);
long lp_bench_direct(long depth, long leave);

enum { DIRECT, SWITCHED, THESIS, DEOPT_1, DEOPT_4, DEOPT_16, KINDS };
enum { DEPTHS = 3 };

static const char *const names[] = {"direct", "switched", "thesis"};
static const long depths[DEPTHS] = {1, 4, 16};

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

/* The loops differ in nothing but what they call; the result is used, so that nothing is left out.
 */
static volatile long sink;

static double time_direct(long calls)
{
	double start = now();
	long sum = 0;

	for (long i = 0; i < calls; i++)
		sum += lp_bench_direct(0, 0);
	sink = sum;
	return (now() - start) / (double)calls;
}

static double time_switched(long calls, long depth, long leave)
{
	double start = now();
	long sum = 0;

	for (long i = 0; i < calls; i++)
		sum += lp_bench_request(depth, leave);
	sink = sum;
	return (now() - start) / (double)calls;
}

static double time_thesis(long calls)
{
	double start = now();
	long sum = 0;

	for (long i = 0; i < calls; i++)
		sum += lp_thesis_dispatch(0);
	sink = sum;
	return (now() - start) / (double)calls;
}

static void measure(double result[KINDS], long calls)
{
	result[DIRECT] = time_direct(calls);
	result[SWITCHED] = time_switched(calls, 0, 0);
	result[THESIS] = time_thesis(calls);
	for (int i = 0; i < DEPTHS; i++) {
		double stay = time_switched(calls, depths[i], 0);

		result[DEOPT_1 + i] = time_switched(calls, depths[i], 1) - stay;
	}
}

static void print_array(double (*results)[KINDS], long repeats, int kind)
{
	putchar('[');
	for (long i = 0; i < repeats; i++)
		printf("%s%.3f", i ? ", " : "", results[i][kind]);
	putchar(']');
}

static void print_all(double (*results)[KINDS], long repeats, long calls)
{
	printf("{\n  \"repeats\": %ld,\n  \"calls\": %ld,\n", repeats, calls);
	for (int kind = DIRECT; kind <= THESIS; kind++) {
		printf("  \"%s\": ", names[kind]);
		print_array(results, repeats, kind);
		printf(",\n");
	}
	printf("  \"deopt\": {");
	for (int i = 0; i < DEPTHS; i++) {
		printf("%s\n    \"%ld\": ", i ? "," : "", depths[i]);
		print_array(results, repeats, DEOPT_1 + i);
	}
	printf("\n  }\n}\n");
}

static long argument(int argc, char **argv, int index, long otherwise)
{
	return argc > index ? atol(argv[index]) : otherwise;
}

int main(int argc, char **argv)
{
	long repeats = argument(argc, argv, 1, 100);
	long calls = argument(argc, argv, 2, 10000);
	double(*results)[KINDS];

	if (repeats < 1 || calls < 1) {
		fprintf(stderr, "dispatch_bench: REPEATS and CALLS are numbers from 1\n");
		return 2;
	}
	if (lp_request_target != lp_enter_request) {
		fprintf(stderr, "dispatch_bench: run it with LP_ELITE=inprocess\n");
		return 2;
	}
	results = calloc(repeats, sizeof(*results));
	if (!results || !lp_thesis_init()) {
		fprintf(stderr, "dispatch_bench: out of memory\n");
		return 1;
	}
	measure(results[0], calls); /* to warm up */
	for (long i = 0; i < repeats; i++)
		measure(results[i], calls);
	print_all(results, repeats, calls);
	free(results);
	return 0;
}
