/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TABLE_H
#define TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A value and its key; both lie behind the structure, key first. */
struct entry {
	struct entry *next;
	uint32_t hash;
	uint16_t key_length;
	uint16_t value_length;
	char bytes[];
};

/* A hash table with chained buckets; their number is a power of two. */
struct table {
	struct entry **buckets;
	size_t bucket_count;
	size_t entry_count;
	size_t value_bytes; /* sum of all value lengths */
};

static inline const char *entry_key(const struct entry *entry)
{
	return entry->bytes;
}

static inline const char *entry_value(const struct entry *entry)
{
	return entry->bytes + entry->key_length;
}

bool table_init(struct table *table, size_t bucket_count);
void table_destroy(struct table *table);

/* Return the entry with this key, or NULL. */
struct entry *table_find(const struct table *table, const char *key, size_t key_length);

/* Insert or replace; return false when there is no memory. */
bool table_store(struct table *table, const char *key, size_t key_length, const char *value,
		 size_t value_length);

/* Return false if there was no such key. */
bool table_remove(struct table *table, const char *key, size_t key_length);

#endif
