/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _LP_STATUS_H
#define _LP_STATUS_H

#include <linux/types.h>

ssize_t lp_status_show(char *to, size_t size);

#endif
