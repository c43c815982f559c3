// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who ends: a body's death must be seen wherever it is, and by whomever. The kernel's trace point
 * at the end of a task sees all of them (a parent-death signal is subject to credentials, and the
 * end of the address space comes only with its last thread).
 */
#include <linux/sched.h>
#include <linux/string.h>
#include <linux/tracepoint.h>

#include "departure.h"
#include "session.h"

static struct tracepoint *point;

static void departed(void *data, struct task_struct *task)
{
	lp_session_departed(task);
}

static void find(struct tracepoint *candidate, void *data)
{
	if (!strcmp(candidate->name, "sched_process_exit"))
		point = candidate;
}

int lp_departure_init(void)
{
	for_each_kernel_tracepoint(find, NULL);
	if (!point)
		return -ENOENT;
	return tracepoint_probe_register(point, departed, NULL);
}

void lp_departure_uninit(void)
{
	tracepoint_probe_unregister(point, departed, NULL);
	tracepoint_synchronize_unregister();
}
