// SPDX-License-Identifier: GPL-2.0
#include "forms.h"

int *lp_form___errno_location(void)
{
	return lp_errno_location();
}
