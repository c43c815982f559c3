// SPDX-License-Identifier: GPL-2.0-only WITH GCC-exception-2.0
/* errno's place, as the thread has told it (forms/thread.h). */
#include "forms.h"

int *lp_form___errno_location(void)
{
	return lp_errno_location();
}
