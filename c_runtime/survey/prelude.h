/* SPDX-License-Identifier: GPL-2.0-only WITH GCC-exception-2.0 */
/*
 * What a surveyed translation unit and the surveying runtime say to each other.
 *
 * The survey pass (lp_build/source/survey.py) joins these declarations into one line and puts them
 * before the unit's own text; the runtime gets them through survey/survey.h. So they are C90 with
 * GNU attributes, include nothing, define nothing, and hold no preprocessor directive.
 *
 * A unit's description is weak and hidden under a name of its own, and section lp_survey_units
 * lists its address, as scout/prelude.h says of scouted units.
 */

/* One translation unit. */
struct __lp_survey_unit {
	unsigned version;   /* of these declarations: 1 */
	unsigned functions; /* of the unit */
	unsigned loops;	    /* of all of them */
	unsigned base;	    /* written by the runtime's constructor: the unit's first function */
	unsigned loop_base; /* the same: the unit's first loop */
	unsigned reserved;  /* zero */
	const char *table;  /* JSON, see lp_build.source.survey.SurveyTable */
};

/* One activation of a function; it lies in that function's own frame. */
struct __lp_survey_token {
	const void *at; /* the address of the frame */
};

/* A function was entered, and is left (by whatever way runs cleanups). function: base + local
 * number; at: the address of its frame. Returns 0. */
extern int __lp_survey_enter(struct __lp_survey_token *token, unsigned function, const void *at);
extern void __lp_survey_leave(struct __lp_survey_token *token);

/* A loop of the function begins an iteration, or tests its condition. loop: loop_base + local
 * number. Returns 1. */
extern int __lp_survey_iterate(struct __lp_survey_token *token, unsigned loop);
