/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _LP_DEPARTURE_H
#define _LP_DEPARTURE_H

int lp_departure_init(void);
void lp_departure_uninit(void);

#endif
