// SPDX-License-Identifier: GPL-2.0-only
#include <string.h>

#include "http.h"

struct text text_of(const char *string)
{
	return (struct text){string, strlen(string)};
}

static void put(struct reply *reply, struct text text)
{
	size_t room = reply->room - reply->length;
	size_t length = text.length < room ? text.length : room;

	memcpy(reply->bytes + reply->length, text.start, length);
	reply->length += length;
}

static void put_number(struct reply *reply, size_t number)
{
	char digits[24];
	size_t at = sizeof(digits);

	do {
		digits[--at] = (char)('0' + number % 10);
		number /= 10;
	} while (number);
	put(reply, (struct text){digits + at, sizeof(digits) - at});
}

void reply_status(struct reply *reply, const struct request *request, const char *status,
		  struct text body)
{
	put(reply, text_of("HTTP/1.1 "));
	put(reply, text_of(status));
	put(reply, text_of("\r\nContent-Length: "));
	put_number(reply, body.length);
	if (!request->keep_alive)
		put(reply, text_of("\r\nConnection: close"));
	put(reply, text_of("\r\n\r\n"));
	if (!text_is(request->method, "HEAD"))
		put(reply, body);
}
