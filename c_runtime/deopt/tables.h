/* SPDX-License-Identifier: GPL-2.0-only WITH GCC-exception-2.0 */
/*
 * A hash index by address, as C and lp_lookup (address_lookup.S) read it.
 */
#ifndef LP_TABLES_H
#define LP_TABLES_H

#define LP_TABLE_HASH 0x9e3779b97f4a7c15 /* 2^64 by the golden ratio */
#define LP_TABLE_ENTRIES 0
#define LP_TABLE_MASK 8
#define LP_TABLE_SHIFT 16
#define LP_TABLE_ENTRY_SHIFT 4 /* log2 of an entry's size */
#define LP_TABLE_ENTRY_VALUE 8

#ifndef __ASSEMBLER__
#include "dispatch/slot.h"

struct lp_table_entry {
	uint64_t key; /* zero: the entry is empty */
	uint64_t value;
};

struct lp_table {
	struct lp_table_entry *entries;
	uint64_t mask;
	uint32_t shift; /* a key's first place is key * LP_TABLE_HASH >> shift */
};

extern struct lp_table lp_returns_table LP_HIDDEN;
extern struct lp_table lp_functions_table LP_HIDDEN;

static_assert(offsetof(struct lp_table, entries) == LP_TABLE_ENTRIES, "deopt/tables.h");
static_assert(offsetof(struct lp_table, mask) == LP_TABLE_MASK, "deopt/tables.h");
static_assert(offsetof(struct lp_table, shift) == LP_TABLE_SHIFT, "deopt/tables.h");
static_assert(sizeof(struct lp_table_entry) == 1 << LP_TABLE_ENTRY_SHIFT, "deopt/tables.h");
static_assert(offsetof(struct lp_table_entry, value) == LP_TABLE_ENTRY_VALUE, "deopt/tables.h");
#endif

#endif
