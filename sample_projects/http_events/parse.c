// SPDX-License-Identifier: GPL-2.0-only
#include <string.h>
#include <strings.h>

#include "http.h"

bool text_is(struct text text, const char *string)
{
	return text.length == strlen(string) && !memcmp(text.start, string, text.length);
}

/* Cut off what comes before `end`; false if there is none. */
static bool cut(struct text *rest, char end, struct text *piece)
{
	const char *found = memchr(rest->start, end, rest->length);

	if (!found)
		return false;
	*piece = (struct text){rest->start, (size_t)(found - rest->start)};
	rest->length -= piece->length + 1;
	rest->start = found + 1;
	return true;
}

static bool next_line(struct text *rest, struct text *line)
{
	if (!cut(rest, '\n', line))
		return false;
	if (line->length && line->start[line->length - 1] == '\r')
		line->length--;
	return true;
}

static bool starts_with(struct text line, const char *name)
{
	size_t length = strlen(name);

	return line.length >= length && !strncasecmp(line.start, name, length);
}

static bool parse_length(struct text line, size_t *length)
{
	size_t i = strlen("content-length:");

	*length = 0;
	while (i < line.length && line.start[i] == ' ')
		i++;
	if (i == line.length)
		return false;
	for (; i < line.length; i++) {
		if (line.start[i] < '0' || line.start[i] > '9' || *length > BODY_MAX)
			return false;
		*length = *length * 10 + (size_t)(line.start[i] - '0');
	}
	return *length <= BODY_MAX;
}

static bool parse_header(struct request *request, struct text line, size_t *body)
{
	if (starts_with(line, "content-length:"))
		return parse_length(line, body);
	if (starts_with(line, "connection: close"))
		request->keep_alive = false;
	return true;
}

enum parsed parse_request(struct request *request, const char *bytes, size_t length)
{
	struct text rest = {bytes, length}, line, version;
	size_t body = 0;

	if (!next_line(&rest, &line))
		return INCOMPLETE;
	if (!cut(&line, ' ', &request->method) || !cut(&line, ' ', &request->path))
		return MALFORMED;
	version = line;
	if (!text_is(version, "HTTP/1.1") && !text_is(version, "HTTP/1.0"))
		return MALFORMED;
	request->keep_alive = version.start[7] == '1';
	for (;;) {
		if (!next_line(&rest, &line))
			return INCOMPLETE;
		if (!line.length)
			break;
		if (!parse_header(request, line, &body))
			return MALFORMED;
	}
	if (rest.length < body)
		return INCOMPLETE;
	request->body = (struct text){rest.start, body};
	request->size = (size_t)(rest.start - bytes) + body;
	return PARSED;
}
