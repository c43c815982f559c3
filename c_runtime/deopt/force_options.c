// SPDX-License-Identifier: GPL-2.0-only WITH GCC-exception-2.0
/*
 * LP_FORCE_DEOPT=all|site:ID|nth:N|random:SEED:P, read at start.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lp_runtime.h"

enum { NEAREST = 5, NAME_MAX_COMPARED = 256 };

static _Noreturn void malformed(const char *option, const char *why)
{
	lp_refuse("set it to all, site:ID, nth:N (from 1) or random:SEED:P (P from 0 to 1)",
		  "LP_FORCE_DEOPT=%s: %s", option, why);
}

/* -- site:ID ----------------------------------------------------------------------------------- */

/* Edits between two names (Levenshtein), of which the beginnings are compared. */
static unsigned int distance(const char *a, const char *b)
{
	unsigned int row[NAME_MAX_COMPARED + 1];
	unsigned int width = strnlen(b, NAME_MAX_COMPARED);

	for (unsigned int j = 0; j <= width; j++)
		row[j] = j;
	for (unsigned int i = 0; a[i] && i < NAME_MAX_COMPARED; i++) {
		unsigned int diagonal = row[0];

		row[0] = i + 1;
		for (unsigned int j = 0; j < width; j++) {
			unsigned int best = diagonal + (a[i] != b[j]);

			diagonal = row[j + 1];
			if (diagonal + 1 < best)
				best = diagonal + 1;
			if (row[j] + 1 < best)
				best = row[j] + 1;
			row[j + 1] = best;
		}
	}
	return row[width];
}

struct candidate {
	const char *name;
	unsigned int distance;
};

static void consider(struct candidate nearest[NEAREST], const char *name, unsigned int far)
{
	int place = NEAREST;

	for (int i = 0; i < NEAREST; i++)
		if (nearest[i].name && !strcmp(nearest[i].name, name))
			return;
	while (place && (!nearest[place - 1].name || nearest[place - 1].distance > far))
		place--;
	if (place == NEAREST)
		return;
	for (int i = NEAREST - 1; i > place; i--)
		nearest[i] = nearest[i - 1];
	nearest[place] = (struct candidate){name, far};
}

static _Noreturn void no_such_site(const char *id)
{
	struct candidate nearest[NEAREST] = {{NULL, 0}};
	char remedy[NEAREST * (NAME_MAX_COMPARED + 8)] =
	    "name one of the program's sites; nearest:";
	size_t used = strlen(remedy);

	for (struct lp_site *site = __start_lp_sites; site < __stop_lp_sites; site++)
		consider(nearest, site->name, distance(id, site->name));
	for (int i = 0; i < NEAREST && nearest[i].name; i++)
		used += snprintf(remedy + used, sizeof(remedy) - used, "\n    %.*s",
				 NAME_MAX_COMPARED, nearest[i].name);
	if (!nearest[0].name)
		strcpy(remedy, "this program has no Elite code: see what `lp build` reports");
	lp_refuse(remedy, "LP_FORCE_DEOPT=site:%s: no such site", id);
}

static void mark_sites(const char *id)
{
	bool known = false;

	for (struct lp_site *site = __start_lp_sites; site < __stop_lp_sites; site++) {
		if (strcmp(site->name, id))
			continue;
		site->forced = 1;
		known = true;
	}
	if (!known)
		no_such_site(id);
}

/* -- numbers ----------------------------------------------------------------------------------- */

/* A decimal number at the beginning of `text`; *end: what follows it. */
static uint64_t number(const char *option, const char *text, const char **end)
{
	char *stop;
	uint64_t value;

	/* strtoull would take spaces and signs. */
	if (!isdigit((unsigned char)*text))
		malformed(option, "a number is missing");
	errno = 0;
	value = strtoull(text, &stop, 10);
	if (errno)
		malformed(option, "the number is too large");
	*end = stop;
	return value;
}

/* A share from 0 to 1, in units of 2^-64. */
static uint64_t probability(const char *option, const char *text)
{
	char *stop;
	double value;

	if (!isdigit((unsigned char)*text) && *text != '.')
		malformed(option, "the probability is missing");
	value = strtod(text, &stop);
	if (stop == text || *stop || !(value >= 0 && value <= 1))
		malformed(option, "the probability is not from 0 to 1");
	return value == 1 ? UINT64_MAX : (uint64_t)(value * 0x1p64);
}

static const char *after(const char *option, const char *prefix)
{
	size_t length = strlen(prefix);

	return strncmp(option, prefix, length) ? NULL : option + length;
}

void lp_force_init(const char *option)
{
	struct lp_force *request = &lp_force_request;
	const char *rest;

	if (!strcmp(option, "all")) {
		request->mode = LP_FORCE_ALL;
	} else if ((rest = after(option, "site:"))) {
		request->mode = LP_FORCE_SITE;
		mark_sites(rest);
	} else if ((rest = after(option, "nth:"))) {
		request->mode = LP_FORCE_NTH;
		request->nth = number(option, rest, &rest);
		if (*rest || !request->nth)
			malformed(option, "N is not a number from 1");
	} else if ((rest = after(option, "random:"))) {
		request->mode = LP_FORCE_RANDOM;
		request->seed = number(option, rest, &rest);
		if (*rest != ':')
			malformed(option, "a probability is missing");
		request->probability = probability(option, rest + 1);
	} else {
		malformed(option, "not understood");
	}
	lp_force_armed = 1;
}
