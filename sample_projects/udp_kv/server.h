/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SERVER_H
#define SERVER_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol.h"
#include "table.h"

struct server;

/* What serves one method. It appends its result to the reply. */
struct command {
	const char *name;
	void (*run)(struct server *server, const struct request *request, struct reply *reply);
};

struct counters {
	uint64_t requests; /* every datagram, the broken ones too */
	uint64_t errors;
	uint64_t hits;
	uint64_t misses;
	uint64_t by_method[METHOD_COUNT];
};

struct server {
	int socket;
	bool quit; /* QUIT was requested */
	const struct command *commands[METHOD_COUNT];
	struct table table;
	struct counters counters;
};

/* Serve one datagram; reply has room for MAX_DATAGRAM bytes. Return the reply's length. */
size_t handle_request(struct server *server, const char *datagram, size_t length, char *reply);

/* Serve until QUIT or until *stop is set. Return 0, or -1 with errno set. */
int serve(struct server *server, const volatile sig_atomic_t *stop);

/* Fill in the table of commands. */
void register_commands(struct server *server);

#endif
