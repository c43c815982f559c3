// SPDX-License-Identifier: GPL-2.0-only
#include "table.h"

#include <stdlib.h>
#include <string.h>

#include "hash.h"

bool table_init(struct table *table, size_t bucket_count)
{
	*table = (struct table){.bucket_count = bucket_count};
	table->buckets = calloc(bucket_count, sizeof(*table->buckets));
	return table->buckets != NULL;
}

void table_destroy(struct table *table)
{
	for (size_t i = 0; i < table->bucket_count; i++) {
		struct entry *entry = table->buckets[i];

		while (entry) {
			struct entry *next = entry->next;

			free(entry);
			entry = next;
		}
	}
	free(table->buckets);
}

static bool matches(const struct entry *entry, uint32_t hash, const char *key, size_t key_length)
{
	return entry->hash == hash && entry->key_length == key_length &&
	       memcmp(entry_key(entry), key, key_length) == 0;
}

/* Return where the pointer to the entry is kept, or to the NULL that ends its chain. */
static struct entry **find_slot(const struct table *table, const char *key, size_t key_length,
				uint32_t hash)
{
	struct entry **slot = &table->buckets[hash & (table->bucket_count - 1)];

	while (*slot && !matches(*slot, hash, key, key_length))
		slot = &(*slot)->next;
	return slot;
}

struct entry *table_find(const struct table *table, const char *key, size_t key_length)
{
	return *find_slot(table, key, key_length, hash_bytes(key, key_length));
}

/* Double the number of buckets; without memory for it the chains just grow longer. */
static void grow(struct table *table)
{
	size_t bucket_count = table->bucket_count * 2;
	struct entry **buckets = calloc(bucket_count, sizeof(*buckets));

	if (!buckets)
		return;
	for (size_t i = 0; i < table->bucket_count; i++) {
		struct entry *entry = table->buckets[i];

		while (entry) {
			struct entry *next = entry->next;
			struct entry **head = &buckets[entry->hash & (bucket_count - 1)];

			entry->next = *head;
			*head = entry;
			entry = next;
		}
	}
	free(table->buckets);
	table->buckets = buckets;
	table->bucket_count = bucket_count;
}

bool table_store(struct table *table, const char *key, size_t key_length, const char *value,
		 size_t value_length)
{
	uint32_t hash = hash_bytes(key, key_length);
	struct entry **slot = find_slot(table, key, key_length, hash);
	struct entry *old = *slot;
	struct entry *entry = malloc(sizeof(*entry) + key_length + value_length);

	if (!entry)
		return false;
	entry->next = old ? old->next : NULL;
	entry->hash = hash;
	entry->key_length = (uint16_t)key_length;
	entry->value_length = (uint16_t)value_length;
	memcpy(entry->bytes, key, key_length);
	memcpy(entry->bytes + key_length, value, value_length);
	*slot = entry;

	table->value_bytes += value_length;
	if (old) {
		table->value_bytes -= old->value_length;
		free(old);
	} else if (++table->entry_count > table->bucket_count) {
		grow(table);
	}
	return true;
}

bool table_remove(struct table *table, const char *key, size_t key_length)
{
	struct entry **slot = find_slot(table, key, key_length, hash_bytes(key, key_length));
	struct entry *entry = *slot;

	if (!entry)
		return false;
	*slot = entry->next;
	table->value_bytes -= entry->value_length;
	table->entry_count--;
	free(entry);
	return true;
}
