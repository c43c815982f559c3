// SPDX-License-Identifier: GPL-2.0-only WITH GCC-exception-2.0
/*
 * The runtime address tables (thesis 3.4.3) by address: Elite's return addresses, and the functions
 * that have an Elite copy. The linker collected them; a hash index over each is made at start,
 * since sections of several objects need not come in the order of their text.
 */
#include <sys/mman.h>

#include "lp_runtime.h"
#include "deopt/tables.h"

static struct lp_table_entry nothing[2];

/* Open addressing; at most half full, so that a search ends soon. */
struct lp_table lp_returns_table = {nothing, 1, 63};
struct lp_table lp_functions_table = {nothing, 1, 63};

static struct lp_table_entry *find(const struct lp_table *table, uint64_t key)
{
	uint64_t place = key * LP_TABLE_HASH >> table->shift;

	while (table->entries[place].key && table->entries[place].key != key)
		place = (place + 1) & table->mask;
	return &table->entries[place];
}

static void make(struct lp_table *table, size_t records)
{
	unsigned int bits = 1;
	void *map;

	if (!records)
		return;
	while ((size_t)1 << bits < 2 * records)
		bits++;
	map = mmap(NULL, sizeof(struct lp_table_entry) << bits, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (map == MAP_FAILED)
		lp_refuse("give the process more memory", "no memory for %zu table entries: %m",
			  records);
	*table = (struct lp_table){map, ((uint64_t)1 << bits) - 1, 64 - bits};
}

void lp_tables_init(void)
{
	make(&lp_returns_table, __stop_lp_returns - __start_lp_returns);
	for (struct lp_return *record = __start_lp_returns; record < __stop_lp_returns; record++) {
		struct lp_table_entry *entry = find(&lp_returns_table, (uintptr_t)record->elite);

		if (entry->key || !lp_is_elite((uintptr_t)record->elite))
			lp_refuse("this is a defect of LakePlacid; run with LP_ELITE=off",
				  "the table of return addresses contradicts itself at %p",
				  record->elite);
		*entry = (struct lp_table_entry){(uintptr_t)record->elite, (uintptr_t)record};
	}
	make(&lp_functions_table, __stop_lp_functions - __start_lp_functions);
	for (struct lp_function *record = __start_lp_functions; record < __stop_lp_functions;
	     record++) {
		struct lp_table_entry *entry =
		    find(&lp_functions_table, (uintptr_t)record->fallback);

		/* Two names of one function: either copy will do. */
		if (!entry->key)
			*entry = (struct lp_table_entry){(uintptr_t)record->fallback,
							 (uintptr_t)record->elite};
	}
}

const struct lp_return *lp_return_at(uint64_t elite)
{
	return (const struct lp_return *)find(&lp_returns_table, elite)->value;
}
