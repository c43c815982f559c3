/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _LP_SYSCALLS_H
#define _LP_SYSCALLS_H

#include <linux/types.h>

int lp_syscalls_init(void);
long lp_syscall_result(long result);
long lp_syscall(unsigned long number, const unsigned long *arguments);
void lp_run_task_work(void);

#endif
