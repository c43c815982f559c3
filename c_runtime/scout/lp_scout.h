/* SPDX-License-Identifier: GPL-2.0 */
/* The scouting runtime's side of lp_scout_prelude.h. */
#ifndef LP_SCOUT_H
#define LP_SCOUT_H

#include "lp_scout_prelude.h"

/* Pointers to the units' descriptors, gathered by the linker. */
extern struct __lp_scout_unit *const __start_lp_scout_units[] __attribute__((weak));
extern struct __lp_scout_unit *const __stop_lp_scout_units[] __attribute__((weak));

#endif
