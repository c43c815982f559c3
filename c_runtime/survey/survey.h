/* SPDX-License-Identifier: GPL-2.0-only WITH GCC-exception-2.0 */
/* The surveying runtime: its side of survey/prelude.h, and what its parts know of each other. */
#ifndef LP_SURVEY_H
#define LP_SURVEY_H

#include <stdint.h>

#include "survey/prelude.h"

/* Section lp_survey_units: the linker gives its bounds. Addresses may occur more than once. */
extern struct __lp_survey_unit *const __start_lp_survey_units[];
extern struct __lp_survey_unit *const __stop_lp_survey_units[];

enum { LP_SURVEY_CALLS = 128 }; /* at most so many are wrapped; a multiple of 64 */

/* What the wrapped library calls tell (survey/calls.c). CALLED: nothing but that. */
enum lp_survey_event {
	LP_SURVEY_RECEIVED,
	LP_SURVEY_SENT,
	LP_SURVEY_ACCEPTED,
	LP_SURVEY_WAITED,
	LP_SURVEY_FORKED,
	LP_SURVEY_CALLED
};

/* It happened, in the function that this thread is in. call: which of the wrapped. */
void lp_survey_note(enum lp_survey_event event, unsigned int call);

/* This thread is about to wait for something; the time until lp_survey_waited is not its own. */
uint64_t lp_survey_wait(void);
void lp_survey_waited(uint64_t began);

/* This process is about to end. */
void lp_survey_end(void);

#endif
