/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _LP_APPLICATION_H
#define _LP_APPLICATION_H

#include "lakeplacid.h"

struct lp_application *lp_application_get(const char *name, u8 *build_id);
void lp_applications_visit(void (*visit)(struct lp_application *application, void *data),
			   void *data);
void lp_application_put(struct lp_application *application);

#endif
