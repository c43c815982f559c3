// SPDX-License-Identifier: GPL-2.0-only WITH GCC-exception-2.0
/* What has a floating-point result: this file is compiled with SSE. */
#include <time.h>

#include "forms.h"

/* The library's rounds twice what has more than 64 bits. */
double lp_form_difftime(time_t later, time_t earlier)
{
	long difference;

	if (UNLIKELY(__builtin_sub_overflow(later, earlier, &difference)))
		return difftime(later, earlier);
	return (double)difference;
}
