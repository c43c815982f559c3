// SPDX-License-Identifier: GPL-2.0-only
#include <inttypes.h>
#include <string.h>

#include "server.h"

static void run_get(struct server *server, const struct request *request, struct reply *reply)
{
	const struct entry *entry =
	    table_find(&server->table, request->key.start, request->key.length);

	if (!entry) {
		server->counters.misses++;
		reply_string(reply, "NONE");
		return;
	}
	server->counters.hits++;
	reply_string(reply, "VALUE ");
	reply_text(reply, (struct text){entry_value(entry), entry->value_length});
}

static void run_set(struct server *server, const struct request *request, struct reply *reply)
{
	bool stored = table_store(&server->table, request->key.start, request->key.length,
				  request->value.start, request->value.length);

	reply_string(reply, stored ? "STORED" : "ERROR no memory");
}

static void run_del(struct server *server, const struct request *request, struct reply *reply)
{
	bool removed = table_remove(&server->table, request->key.start, request->key.length);

	reply_string(reply, removed ? "DELETED" : "NONE");
}

/* Read a decimal number with an optional minus sign. Return false if the text is anything else. */
static bool parse_number(struct text text, int64_t *number)
{
	bool negative = text.length > 0 && text.start[0] == '-';
	size_t i = negative ? 1 : 0;
	uint64_t value = 0;

	if (i == text.length || text.length - i > 18)
		return false;
	for (; i < text.length; i++) {
		if (text.start[i] < '0' || text.start[i] > '9')
			return false;
		value = value * 10 + (uint64_t)(text.start[i] - '0');
	}
	*number = negative ? -(int64_t)value : (int64_t)value;
	return true;
}

static struct text format_number(int64_t number, char *end)
{
	uint64_t value = number < 0 ? -(uint64_t)number : (uint64_t)number;
	char *start = end;

	do {
		*--start = (char)('0' + value % 10);
		value /= 10;
	} while (value);
	if (number < 0)
		*--start = '-';
	return (struct text){start, (size_t)(end - start)};
}

static void run_incr(struct server *server, const struct request *request, struct reply *reply)
{
	const struct entry *entry =
	    table_find(&server->table, request->key.start, request->key.length);
	int64_t old = 0;
	int64_t step = 1;
	char digits[24];
	struct text sum;

	if ((entry &&
	     !parse_number((struct text){entry_value(entry), entry->value_length}, &old)) ||
	    (request->value.length && !parse_number(request->value, &step))) {
		reply_string(reply, "ERROR not a number");
		return;
	}
	sum = format_number(old + step, digits + sizeof(digits));
	if (!table_store(&server->table, request->key.start, request->key.length, sum.start,
			 sum.length)) {
		reply_string(reply, "ERROR no memory");
		return;
	}
	reply_string(reply, "NUMBER ");
	reply_text(reply, sum);
}

static void run_stats(struct server *server, const struct request *request, struct reply *reply)
{
	const struct counters *counters = &server->counters;
	const struct table *table = &server->table;
	uint64_t lookups = counters->hits + counters->misses;
	double hit_rate = lookups ? (double)counters->hits / (double)lookups : 0.0;
	double mean =
	    table->entry_count ? (double)table->value_bytes / (double)table->entry_count : 0.0;

	(void)request;
	reply_format(reply, "STATS requests=%" PRIu64 " errors=%" PRIu64, counters->requests,
		     counters->errors);
	for (size_t i = 0; i < METHOD_COUNT; i++)
		reply_format(reply, " %s=%" PRIu64, server->commands[i]->name,
			     counters->by_method[i]);
	reply_format(reply, " keys=%zu hit_rate=%.4f mean_value_size=%.2f", table->entry_count,
		     hit_rate, mean);
}

static void run_quit(struct server *server, const struct request *request, struct reply *reply)
{
	(void)request;
	server->quit = true;
	reply_string(reply, "BYE");
}

void register_commands(struct server *server)
{
	static const struct command commands[METHOD_COUNT] = {
	    [METHOD_GET] = {"get", run_get},	   [METHOD_SET] = {"set", run_set},
	    [METHOD_DEL] = {"del", run_del},	   [METHOD_INCR] = {"incr", run_incr},
	    [METHOD_STATS] = {"stats", run_stats}, [METHOD_QUIT] = {"quit", run_quit},
	};

	for (size_t i = 0; i < METHOD_COUNT; i++)
		server->commands[i] = &commands[i];
}
