/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef PROTOCOL_H
#define PROTOCOL_H

#include <stdbool.h>
#include <stddef.h>

/*
 * One datagram is one request: `ID METHOD [KEY [VALUE]]`, separated by single blanks; the value is
 * the rest of the datagram. The reply is `ID RESULT`. The client chooses ID, at most
 * MAX_ID_LENGTH bytes, to tell its replies apart.
 */

enum {
	MAX_DATAGRAM = 2048,
	MAX_ID_LENGTH = 16,
	MAX_KEY_LENGTH = 64,
	MAX_VALUE_LENGTH = 1024,
};

enum method {
	METHOD_GET,
	METHOD_SET,
	METHOD_DEL,
	METHOD_INCR,
	METHOD_STATS,
	METHOD_QUIT,
	METHOD_COUNT,
	METHOD_UNKNOWN = METHOD_COUNT,
};

/* A part of the datagram; not terminated. */
struct text {
	const char *start;
	size_t length;
};

struct request {
	struct text id;
	enum method method;
	struct text key;
	struct text value;
};

/* What goes back; bytes must hold MAX_DATAGRAM. */
struct reply {
	char *bytes;
	size_t length;
};

/* Take a datagram apart. Return NULL, or what is wrong with it. */
const char *parse_request(struct request *request, const char *datagram, size_t length);

void reply_text(struct reply *reply, struct text text);
void reply_string(struct reply *reply, const char *string);
void reply_format(struct reply *reply, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
