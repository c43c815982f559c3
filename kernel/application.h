/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _LP_APPLICATION_H
#define _LP_APPLICATION_H

#include "lakeplacid.h"

struct lp_application *lp_application_get(const char *name, u8 *build_id);
ssize_t lp_applications_show(char *to, size_t size);
void lp_application_put(struct lp_application *application);

#endif
