/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/* What lp_selftest.ko can be asked to do. Shared with the program that asks. */
#ifndef _LP_SELFTEST_H
#define _LP_SELFTEST_H

/* Where elite.S says that U goes on. Nothing is there: tests compare the addresses. */
#define LP_SELFTEST_PLACE(number) (0x10000000 + 16 * (number))
/* What it says is the program's own record of a site, and where stress builds look for `forced`. */
#define LP_SELFTEST_SITE(number) (0x20000000 + 128 * (number))

/* Places, and sites of that number. */
#define LP_PLACE_LOAD 1
#define LP_PLACE_STORE 2
#define LP_PLACE_COPY 3
#define LP_PLACE_DIVIDE 4
#define LP_PLACE_COUNT_BUDGET 5
#define LP_PLACE_COUNT_BUDGET_WORD 6
#define LP_PLACE_COUNT_WORD 7
#define LP_PLACE_NESTED_OUTER 8
#define LP_PLACE_NESTED_MIDDLE 9
#define LP_PLACE_NESTED_INNER 10
#define LP_PLACE_LATE_OUTER 11
#define LP_PLACE_LATE_INNER 12
#define LP_PLACE_DEEP 13
#define LP_PLACE_DEEP_END 14
#define LP_PLACE_CALL_BEFORE 15
#define LP_PLACE_CALL_BEHIND 16
#define LP_PLACE_ECHO_READ 17
#define LP_PLACE_ECHO_HAS_READ 18
#define LP_PLACE_ECHO_WRITE 19
#define LP_PLACE_ECHO_HAS_WRITTEN 20
#define LP_PLACE_SWITCH_BEFORE 21
#define LP_PLACE_SWITCH_HEAD 22
#define LP_PLACE_SWITCH_BACK 23
#define LP_PLACE_SWITCH_BACK_HEAD 24
#define LP_PLACE_REQUEST 25
#define LP_PLACE_REQUEST_WORD 26
#define LP_PLACE_FORCE 27
#define LP_PLACE_SMASH 28
#define LP_PLACE_ASTRAY 29
#define LP_PLACE_DOWNWARDS 30
#define LP_PLACE_FP_WORD 31
#define LP_PLACE_FP_BEFORE 32
#define LP_PLACE_FP_BEHIND 33

#ifndef __ASSEMBLER__

#define LP_SELFTEST_NAME "selftest"
#define LP_SELFTEST_FP_NAME "selftest_fp" /* the same, with LP_ELITE_FP */
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

/* For RUN, in the order of elite.S, which says what each does with which registers. */
enum lp_selftest_entry {
	LP_ENTRY_INVERT,
	LP_ENTRY_LOAD,
	LP_ENTRY_STORE,
	LP_ENTRY_COPY,
	LP_ENTRY_DIVIDE,
	LP_ENTRY_COUNT,
	LP_ENTRY_NESTED,
	LP_ENTRY_LATE,
	LP_ENTRY_DEEP,
	LP_ENTRY_CALL,
	LP_ENTRY_ECHO,
	LP_ENTRY_SWITCH,
	LP_ENTRY_FORCE,
	LP_ENTRY_SMASH,
	LP_ENTRY_ASTRAY,
	LP_ENTRY_DOWNWARDS,
	LP_ENTRY_FP_ADD,
	LP_ENTRY_FP_LOAD,
	LP_ENTRY_FP_CALL,
	LP_ENTRIES,
};

#endif
#endif
