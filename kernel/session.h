/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _LP_SESSION_H
#define _LP_SESSION_H

#include <linux/fs.h>

#include "lakeplacid.h"

struct lp_session;

struct lp_session *lp_session_open(struct file *file);
void lp_session_flush(struct lp_session *session);
void lp_session_release(struct lp_session *session);
int lp_session_mmap(struct lp_session *session, struct vm_area_struct *vma);

bool lp_session_is_user(struct lp_session *session, const struct task_struct *task);
bool lp_session_may_await(struct lp_session *session, const struct task_struct *task);
int lp_session_attach(struct lp_session *session, struct lp_attach *attach);
long lp_session_enter(struct lp_session *session, struct file *file);
int lp_session_await(struct lp_session *session, pid_t pid);
int lp_session_call(struct lp_session *session, struct lp_call *call);
int lp_session_run(struct lp_session *session, struct lp_run *run);
int lp_session_detach(struct lp_session *session);
int lp_session_counters(struct lp_session *session, struct lp_counters *counters);

void lp_session_sum(struct lp_application *application, struct lp_run_counters *sum,
		    unsigned int *count);
void lp_session_departed(struct task_struct *task);

#endif
