// SPDX-License-Identifier: GPL-2.0-only
/* What kernel_form.S reads: the budget's slice and the stack limit, from the environment. */
#include <stdint.h>
#include <stdlib.h>

struct site { /* struct lp_site of kernel/uapi/lp_abi.h */
	void *fallback;
	uint64_t rule[3];
	const char *name;
	const char *file;
	uint32_t line;
	uint8_t kind;
	uint64_t hits;
	void *elite;
};

_Static_assert(sizeof(struct site) == 72, "kernel/uapi/lp_abi.h");

struct site lp_harness_site = {.name = "kernel form", .file = "?", .kind = 2};
int64_t lp_harness_slice = INT64_MAX;
uint64_t lp_harness_spent;
__thread int64_t lp_harness_tls_budget = INT64_MAX;
__thread uint64_t lp_harness_tls_limit;
__thread uint32_t lp_harness_calls;

__attribute__((constructor)) static void start(void)
{
	const char *slice = getenv("LP_HARNESS_SLICE");
	const char *full = getenv("LP_HARNESS_STACK_IS_FULL");

	if (slice)
		lp_harness_slice = lp_harness_tls_budget = atoll(slice);
	if (full)
		lp_harness_tls_limit = UINT64_MAX;
}
