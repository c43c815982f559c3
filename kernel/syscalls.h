/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _LP_SYSCALLS_H
#define _LP_SYSCALLS_H

#include <linux/sched.h>
#include <linux/types.h>

int lp_syscalls_init(void);
long lp_syscall_result(long result);
long lp_syscall(unsigned long number, const unsigned long *arguments);
void lp_syscall_spin(unsigned long number, unsigned long *arguments, u32 microseconds);
bool lp_syscall_signals(struct task_struct *user);
void lp_run_task_work(void);

#endif
