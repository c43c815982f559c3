/* SPDX-License-Identifier: GPL-2.0-only */
/* What an application's module says of its Elite code. Offsets are from the start of the text. */
#ifndef _LP_ELITE_H
#define _LP_ELITE_H

#include <linux/types.h>

#include "uapi/lp_abi.h"

#define LP_ELITE_FP 1 /* the text uses SSE registers */

struct lp_elite {
	const void *text;
	u64 text_size;
	const struct lp_elite_site *sites;
	u64 site_count;
	const struct lp_elite_return *returns; /* ascending */
	u64 return_count;
	const struct lp_elite_entry *entries;
	u64 entry_count;
	u32 flags;
};

#endif
