/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A scouting runtime for the tests: one endless request that begins before main. At exit it writes
 * to the file that STUB_LOG names: "arm N" for each arm that was reached, "icall N" for each
 * indirect call that was made, and "request B E" and "iteration B E", how many began and ended.
 */
#include <stdio.h>
#include <stdlib.h>

#include "scout/scout.h"

enum { ARMS = 1 << 16, ICALLS = 1 << 12 };

static unsigned char map[ARMS];
static unsigned char called[ICALLS];
static unsigned requests, requests_ended, iterations, iterations_ended;

__thread unsigned char *__lp_scout_map __attribute__((tls_model("initial-exec"))) = map;

void __lp_scout_first(unsigned arm)
{
	if (map[arm])
		abort();
	map[arm] = 1;
}

void __lp_scout_target(unsigned icall, const void *target)
{
	if (!target)
		abort();
	called[icall] = 1;
}

int __lp_scout_begin(struct __lp_scout_token *token)
{
	token->word[3] = token;
	requests++;
	return 0;
}

void __lp_scout_end(struct __lp_scout_token *token)
{
	if (token->word[3] != token)
		abort();
	requests_ended++;
}

int __lp_scout_iteration(struct __lp_scout_token *token)
{
	token->word[0] = token;
	iterations++;
	return 0;
}

void __lp_scout_loop_end(struct __lp_scout_token *token)
{
	if (token->word[0] && token->word[0] != token)
		abort();
	iterations_ended++;
}

__attribute__((destructor)) static void report(void)
{
	const char *name = getenv("STUB_LOG");
	FILE *log = name ? fopen(name, "w") : NULL;

	if (!log)
		return;
	for (struct __lp_scout_unit *const *unit = __start_lp_scout_units;
	     unit < __stop_lp_scout_units; unit++)
		for (unsigned arm = 0; arm < (*unit)->arms; arm++)
			map[(*unit)->base + arm] |= (*unit)->own()[arm];
	for (unsigned arm = 0; arm < ARMS; arm++)
		if (map[arm])
			fprintf(log, "arm %u\n", arm);
	for (unsigned icall = 0; icall < ICALLS; icall++)
		if (called[icall])
			fprintf(log, "icall %u\n", icall);
	fprintf(log, "request %u %u\niteration %u %u\n", requests, requests_ended, iterations,
		iterations_ended);
	fclose(log);
}
