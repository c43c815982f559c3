// SPDX-License-Identifier: GPL-2.0-only
#include "protocol.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Cut the next word off the datagram's rest, and the blank behind it. */
static struct text next_word(struct text *rest)
{
	struct text word = {rest->start, 0};

	while (word.length < rest->length && word.start[word.length] != ' ')
		word.length++;
	rest->start += word.length;
	rest->length -= word.length;
	if (rest->length > 0) {
		rest->start++;
		rest->length--;
	}
	return word;
}

static bool is_word(struct text text, const char *word)
{
	return text.length == strlen(word) && memcmp(text.start, word, text.length) == 0;
}

static enum method parse_method(struct text word)
{
	if (word.length == 0)
		return METHOD_UNKNOWN;
	switch (word.start[0]) {
	case 'G':
		return is_word(word, "GET") ? METHOD_GET : METHOD_UNKNOWN;
	case 'S':
		if (is_word(word, "SET"))
			return METHOD_SET;
		return is_word(word, "STATS") ? METHOD_STATS : METHOD_UNKNOWN;
	case 'D':
		return is_word(word, "DEL") ? METHOD_DEL : METHOD_UNKNOWN;
	case 'I':
		return is_word(word, "INCR") ? METHOD_INCR : METHOD_UNKNOWN;
	case 'Q':
		return is_word(word, "QUIT") ? METHOD_QUIT : METHOD_UNKNOWN;
	default:
		return METHOD_UNKNOWN;
	}
}

const char *parse_request(struct request *request, const char *datagram, size_t length)
{
	struct text rest = {datagram, length};

	request->id = next_word(&rest);
	if (request->id.length == 0 || request->id.length > MAX_ID_LENGTH) {
		request->id.length = 0;
		return "bad id";
	}
	request->method = parse_method(next_word(&rest));
	if (request->method == METHOD_UNKNOWN)
		return "unknown method";
	request->key = next_word(&rest);
	request->value = rest;

	if (request->method == METHOD_STATS || request->method == METHOD_QUIT)
		return request->key.length || request->value.length ? "too many words" : NULL;
	if (request->key.length == 0 || request->key.length > MAX_KEY_LENGTH)
		return "bad key";
	if (request->value.length > MAX_VALUE_LENGTH)
		return "value too long";
	return NULL;
}

void reply_text(struct reply *reply, struct text text)
{
	size_t room = MAX_DATAGRAM - reply->length;
	size_t length = text.length < room ? text.length : room;

	memcpy(reply->bytes + reply->length, text.start, length);
	reply->length += length;
}

void reply_string(struct reply *reply, const char *string)
{
	reply_text(reply, (struct text){string, strlen(string)});
}

void reply_format(struct reply *reply, const char *format, ...)
{
	size_t room = MAX_DATAGRAM - reply->length;
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vsnprintf(reply->bytes + reply->length, room, format, arguments);
	va_end(arguments);
	if (length > 0)
		reply->length += (size_t)length < room ? (size_t)length : room - 1;
}
