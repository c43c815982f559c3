/* SPDX-License-Identifier: GPL-2.0-only */
/* What the parts of the server know of each other. */
#ifndef HTTP_H
#define HTTP_H

#include <stdbool.h>
#include <stddef.h>

#include "loop.h"

enum { REQUEST_MAX = 8192, REPLY_MAX = 16384, BODY_MAX = 4096 };

struct text {
	const char *start;
	size_t length;
};

struct request {
	struct text method;
	struct text path;
	struct text body;
	bool keep_alive;
	size_t size; /* bytes of all of it */
};

struct reply {
	char *bytes;
	size_t length;
	size_t room;
};

/* What a path is served by; method: NULL for any. */
struct route {
	const char *method;
	const char *path;
	void (*serve)(const struct request *request, struct reply *reply);
};

struct listener {
	struct event event;
	struct loop *loop;
};

struct connection {
	struct event event;
	struct loop *loop;
	size_t received;
	size_t to_send;
	size_t sent;
	bool last; /* close it when the reply is sent */
	char input[REQUEST_MAX + 1];
	char output[REPLY_MAX];
};

enum parsed { PARSED, INCOMPLETE, MALFORMED };

/* parse.c */
enum parsed parse_request(struct request *request, const char *bytes, size_t length);
bool text_is(struct text text, const char *string);

/* reply.c */
void reply_status(struct reply *reply, const struct request *request, const char *status,
		  struct text body);
struct text text_of(const char *string);

/* routes.c */
void register_routes(void);
void route_request(const struct request *request, struct reply *reply);

/* connection.c: the port, or -1 with errno */
int listen_on(struct listener *listener, unsigned short port, struct loop *loop);

#endif
