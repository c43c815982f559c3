/* SPDX-License-Identifier: GPL-2.0-only WITH GCC-exception-2.0 */
/*
 * The scouting runtime's side of scout/prelude.h, which says what each declaration means.
 */
#ifndef LP_SCOUT_H
#define LP_SCOUT_H

#include "scout/prelude.h"

#define LP_SCOUT_VERSION 2
#define LP_SCOUT_LINE 64 /* bytes that a unit's arms are aligned and padded to */

/* Section lp_scout_units: the linker gives its bounds. Addresses may occur more than once. */
extern struct __lp_scout_unit *const __start_lp_scout_units[];
extern struct __lp_scout_unit *const __stop_lp_scout_units[];

#endif
