/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/* What lp_selftest.ko can be asked to do. Shared with the program that asks. */
#ifndef _LP_SELFTEST_H
#define _LP_SELFTEST_H

#define LP_SELFTEST_NAME "selftest"
#define LP_SELFTEST_BUILD_ID                                                                       \
	{                                                                                          \
		0x4c, 0x50                                                                         \
	}

enum lp_selftest_operation {
	LP_SELFTEST_LOAD,    /* address -> the word there */
	LP_SELFTEST_STORE,   /* address, word */
	LP_SELFTEST_COUNT,   /* address, n: adds 1 n times, with a push and a pop each time */
	LP_SELFTEST_COPY,    /* from, to, words */
	LP_SELFTEST_TLS,     /* -> the word at %fs:0 */
	LP_SELFTEST_SYSCALL, /* number, three arguments -> its result */
	LP_SELFTEST_OPERATIONS,
};

#endif
