/* SPDX-License-Identifier: GPL-2.0-only WITH GCC-exception-2.0 */
/*
 * The dispatch as the thesis has it (3.2, 3.3), for comparison only.
 */
#ifndef LP_THESIS_DISPATCH_H
#define LP_THESIS_DISPATCH_H

#include <stdbool.h>

/* Map the stacks; false: there is no memory. */
bool lp_thesis_init(void);
/* One request, as the loop of Figure 3.1 makes it. */
int lp_thesis_dispatch(long params);

/* thesis_dispatch.S */
int lp_thesis_save_and_switch(long params, long (*function)(long), void *stack);
long lp_thesis_likely(long condition);
extern void *lp_thesis_elite_thread_rsp;

#endif
