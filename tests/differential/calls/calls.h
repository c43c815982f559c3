// SPDX-License-Identifier: GPL-2.0-only
/* What the programs of this folder have in common: requests that leave an answer each. */
#ifndef CALLS_H
#define CALLS_H

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A function of the program that has no Elite copy, since another definition may replace it. */
#define PLAIN __attribute__((weak, noinline))
#define REQUESTS 24

static long answers[REQUESTS];
static int answered;

/* The last thing that request `n` does, wherever it does it. */
static inline int answer(int n, long value)
{
	answers[n] = value;
	__atomic_fetch_add(&answered, 1, __ATOMIC_RELEASE);
	return 0;
}

/* In queue mode the caller of a request goes on before it has ended. */
static inline void wait_for(int count)
{
	while (__atomic_load_n(&answered, __ATOMIC_ACQUIRE) < count)
		sched_yield();
}

static inline void print_answers(void)
{
	for (int n = 0; n < REQUESTS; n++)
		printf("%d: %ld\n", n, answers[n]);
}

int request(int n);

static inline int serve(void)
{
	for (int n = 0; n < REQUESTS; n++) {
		request(n);
		wait_for(n + 1);
	}
	print_answers();
	return 0;
}

#endif
