// SPDX-License-Identifier: GPL-2.0-only WITH GCC-exception-2.0
/*
 * Text to a file descriptor, and the two ways to give up.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "statistics/message.h"

void lp_text_init(struct lp_text *text, int fd)
{
	text->fd = fd;
	text->error = 0;
	text->used = 0;
}

void lp_text_flush(struct lp_text *text)
{
	size_t done = 0;

	while (done < text->used) {
		ssize_t written = write(text->fd, text->bytes + done, text->used - done);

		if (written >= 0) {
			done += written;
		} else if (errno != EINTR) {
			if (!text->error)
				text->error = errno;
			break;
		}
	}
	text->used = 0;
}

static void put_byte(struct lp_text *text, char byte)
{
	if (text->used == sizeof(text->bytes))
		lp_text_flush(text);
	text->bytes[text->used++] = byte;
}

void lp_text_put(struct lp_text *text, const char *string)
{
	while (*string)
		put_byte(text, *string++);
}

static void put_digits(struct lp_text *text, uint64_t number, unsigned int base)
{
	char digits[20];
	unsigned int count = 0;

	do {
		digits[count++] = "0123456789abcdef"[number % base];
		number /= base;
	} while (number);
	while (count)
		put_byte(text, digits[--count]);
}

void lp_text_put_number(struct lp_text *text, uint64_t number)
{
	put_digits(text, number, 10);
}

void lp_text_put_address(struct lp_text *text, uint64_t address)
{
	lp_text_put(text, "0x");
	put_digits(text, address, 16);
}

void lp_text_put_json(struct lp_text *text, const char *string)
{
	put_byte(text, '"');
	for (; *string; string++) {
		unsigned char byte = *string;

		if (byte == '"' || byte == '\\') {
			put_byte(text, '\\');
			put_byte(text, byte);
		} else if (byte < 0x20) {
			lp_text_put(text, "\\u00");
			put_byte(text, "0123456789abcdef"[byte / 16]);
			put_byte(text, "0123456789abcdef"[byte % 16]);
		} else {
			put_byte(text, byte);
		}
	}
	put_byte(text, '"');
}

_Noreturn void lp_refuse(const char *remedy, const char *what, ...)
{
	va_list arguments;

	va_start(arguments, what);
	fputs("lakeplacid: ", stderr);
	vfprintf(stderr, what, arguments);
	fprintf(stderr, "\n  remedy: %s\n", remedy);
	va_end(arguments);
	fflush(stderr);
	/* Not exit(): the program has not begun, its handlers expect that it has. */
	_exit(2);
}

_Noreturn void lp_die(struct lp_text *text)
{
	lp_text_put(text, "\n");
	lp_text_flush(text);
	abort();
}
