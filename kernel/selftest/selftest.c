// SPDX-License-Identifier: GPL-2.0-only
/* An application for the driver's tests: a few instructions on memory that its U names. */
#include <linux/module.h>
#include <linux/sched.h>

#include "elite.h"
#include "lakeplacid.h"
#include "selftest.h"

/* A loop with preemption off; what is more is a mistake of the test's. */
#define COUNT_MAX 1000000000ULL
#define WORDS_MAX 1000000ULL

u64 selftest_load(u64 address, u64 b, u64 c);
u64 selftest_store(u64 address, u64 word, u64 c);
u64 selftest_count(u64 address, u64 n, u64 c);
u64 selftest_copy(u64 from, u64 to, u64 words);
u64 selftest_tls(u64 start, u64 b, u64 c);
u64 selftest_syscall(u64 number, u64 arguments, u64 c);

/* Elite code may be led anywhere; this is a test, and stays out of the kernel's half. */
static bool harmless(u64 address, u64 size)
{
	return address <= LONG_MAX - size;
}

static int serve(struct lp_body *body, u32 operation, const u64 *arguments, u64 *result)
{
	u64 a = arguments[0], b = arguments[1], c = arguments[2];

	switch (operation) {
	case LP_SELFTEST_LOAD:
		if (!harmless(a, 8))
			return -EFAULT;
		return lp_body_run(body, selftest_load, a, 0, 0, result);
	case LP_SELFTEST_STORE:
		if (!harmless(a, 8))
			return -EFAULT;
		return lp_body_run(body, selftest_store, a, b, 0, result);
	case LP_SELFTEST_COUNT:
		if (!harmless(a, 8) || !b || b > COUNT_MAX)
			return -EINVAL;
		return lp_body_run(body, selftest_count, a, b, 0, result);
	case LP_SELFTEST_COPY:
		if (!c || c > WORDS_MAX || !harmless(a, c * 8) || !harmless(b, c * 8))
			return -EINVAL;
		return lp_body_run(body, selftest_copy, a, b, c, result);
	case LP_SELFTEST_TLS:
		return lp_body_run(body, selftest_tls, current->thread.fsbase, 0, 0, result);
	case LP_SELFTEST_SYSCALL:
		return lp_body_run(body, selftest_syscall, a, (u64)(arguments + 1), 0, result);
	}
	return -EINVAL;
}

/* In elite.S. */
extern const char lp_selftest_text[], lp_selftest_text_end[];
extern const struct lp_elite_site lp_selftest_sites[], lp_selftest_sites_end[];
extern const struct lp_elite_return lp_selftest_returns[], lp_selftest_returns_end[];
extern const struct lp_elite_entry lp_selftest_entries[], lp_selftest_entries_end[];

static struct lp_elite elite, elite_fp;

static struct lp_application application = {
    .owner = THIS_MODULE,
    .name = LP_SELFTEST_NAME,
    .build_id = LP_SELFTEST_BUILD_ID,
    .elite = &elite,
    .serve = serve,
};

static struct lp_application application_fp = {
    .owner = THIS_MODULE,
    .name = LP_SELFTEST_FP_NAME,
    .build_id = LP_SELFTEST_BUILD_ID,
    .elite = &elite_fp,
};

static int __init selftest_init(void)
{
	int error;

	elite = (struct lp_elite){
	    .text = lp_selftest_text,
	    .text_size = lp_selftest_text_end - lp_selftest_text,
	    .sites = lp_selftest_sites,
	    .site_count = lp_selftest_sites_end - lp_selftest_sites,
	    .returns = lp_selftest_returns,
	    .return_count = lp_selftest_returns_end - lp_selftest_returns,
	    .entries = lp_selftest_entries,
	    .entry_count = lp_selftest_entries_end - lp_selftest_entries,
	};
	elite_fp = elite;
	elite_fp.flags = LP_ELITE_FP;
	error = lp_application_register(&application);
	if (error)
		return error;
	error = lp_application_register(&application_fp);
	if (error)
		lp_application_unregister(&application);
	return error;
}

static void __exit selftest_exit(void)
{
	lp_application_unregister(&application_fp);
	lp_application_unregister(&application);
}

module_init(selftest_init);
module_exit(selftest_exit);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("An application for the tests of LakePlacid's driver");
