// SPDX-License-Identifier: GPL-2.0-only
/* What `lp status` reads: applications, and what their sessions have counted. */
#include <linux/kernel.h>

#include "application.h"
#include "session.h"
#include "status.h"

struct text {
	char *to;
	size_t size;
	size_t used;
};

static void show(struct lp_application *application, void *data)
{
	struct lp_run_counters sum;
	struct text *text = data;
	unsigned int sessions;

	lp_session_sum(application, &sum, &sessions);
	text->used +=
	    scnprintf(text->to + text->used, text->size - text->used,
		      "{\"name\": \"%s\", \"build_id\": \"%*phN\", \"sessions\": %u, "
		      "\"runs\": %llu, \"exits\": %llu, \"deopts\": %llu, "
		      "\"faults\": %llu, \"signals\": %llu, \"budgets\": %llu, "
		      "\"unknown_calls\": %llu, \"requests\": %llu, "
		      "\"system_calls\": %llu}\n",
		      application->name, LP_BUILD_ID_SIZE, application->build_id, sessions,
		      sum.runs, sum.stops[LP_RUN_EXIT], sum.stops[LP_RUN_DEOPT],
		      sum.stops[LP_RUN_FAULT], sum.stops[LP_RUN_SIGNAL], sum.stops[LP_RUN_BUDGET],
		      sum.stops[LP_RUN_SYSCALL], sum.requests, sum.system_calls);
}

/* A line of JSON for each application; how many bytes of `to` that took. */
ssize_t lp_status_show(char *to, size_t size)
{
	struct text text = {.to = to, .size = size};

	lp_applications_visit(show, &text);
	return text.used;
}
