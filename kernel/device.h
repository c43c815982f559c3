/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _LP_DEVICE_H
#define _LP_DEVICE_H

int lp_device_init(void);
void lp_device_uninit(void);

#endif
