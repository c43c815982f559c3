// SPDX-License-Identifier: GPL-2.0-only WITH GCC-exception-2.0
/*
 * Text from a format: integers, pointers, characters and strings. A format with anything else
 * (floating point, %n, wide characters, numbered arguments, what the locale groups) is the
 * library's, all of it, before a byte is written.
 *
 * Functions with "..." save the vector registers for it: this file is compiled with SSE.
 */
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>

#include "forms.h"

enum { LEFT = 1, PLUS = 2, BLANK = 4, ALTERNATE = 8, ZERO = 16 };
enum { STAR = -2, NONE = -1, MOST = 1 << 20 };
enum { LENGTH_INT, LENGTH_SHORT, LENGTH_CHAR, LENGTH_LONG };

struct conversion {
	unsigned int flags;
	int width;     /* STAR: an argument */
	int precision; /* the same; NONE */
	int length;
	char kind;
};

/* What is written: `count` bytes by now, of which the first `room` are in memory. */
struct output {
	char *to;
	size_t room;
	size_t count;
};

static inline unsigned int flag_of(char c)
{
	switch (c) {
	case '-':
		return LEFT;
	case '+':
		return PLUS;
	case ' ':
		return BLANK;
	case '#':
		return ALTERNATE;
	case '0':
		return ZERO;
	}
	return 0;
}

/* A width or precision; *at moves behind it. Above MOST: too large to be ours. */
static inline int read_amount(const char **at)
{
	int amount = 0;

	if (**at == '*') {
		++*at;
		return STAR;
	}
	for (; **at >= '0' && **at <= '9' && amount <= MOST; ++*at)
		amount = amount * 10 + (**at - '0');
	return amount;
}

static inline const char *read_length(const char *at, int *length)
{
	*length = LENGTH_INT;
	switch (*at) {
	case 'h':
		*length = at[1] == 'h' ? LENGTH_CHAR : LENGTH_SHORT;
		return at + 1 + (at[1] == 'h');
	case 'l':
		*length = LENGTH_LONG;
		return at + 1 + (at[1] == 'l');
	case 'z':
	case 'j':
	case 't':
		*length = LENGTH_LONG;
		return at + 1;
	}
	return at;
}

/* Whether all that it says is known to us. */
static inline bool is_ours(const struct conversion *conversion)
{
	unsigned int flags = conversion->flags;

	if (conversion->width > MOST || conversion->precision > MOST)
		return false;
	switch (conversion->kind) {
	case 'd':
	case 'i':
	case 'u':
	case 'x':
	case 'X':
	case 'o':
		return true;
	case 'p':
		return !(flags & ~LEFT) && conversion->precision == NONE &&
		       conversion->length == LENGTH_INT;
	case 'c':
	case 's':
		return !(flags & ~LEFT) && conversion->length == LENGTH_INT;
	}
	return false;
}

/* What follows a '%' that is not one of two; the end of it, or NULL if it is not ours. */
static __attribute__((noinline)) const char *read_conversion(struct conversion *conversion,
							     const char *at)
{
	unsigned int flag;

	conversion->flags = 0;
	while ((flag = flag_of(*at))) {
		conversion->flags |= flag;
		at++;
	}
	conversion->width = read_amount(&at);
	conversion->precision = NONE;
	if (*at == '.') {
		at++;
		conversion->precision = read_amount(&at);
	}
	at = read_length(at, &conversion->length);
	conversion->kind = *at;
	return is_ours(conversion) ? at + 1 : NULL;
}

static inline bool is_large(long amount)
{
	return amount > MOST || amount < -MOST;
}

/* Whether a format is one that we write. Amounts that are arguments are looked at. */
static __attribute__((noinline)) bool is_known(const char *format, va_list arguments)
{
	struct conversion conversion;
	bool known = true;
	va_list rest;

	va_copy(rest, arguments);
	while (known) {
		format = lp_form_strchrnul(format, '%');
		if (!*format++)
			break;
		if (*format == '%') {
			format++;
			continue;
		}
		format = read_conversion(&conversion, format);
		if (!format) {
			known = false;
			break;
		}
		if (conversion.width == STAR && is_large((int)va_arg(rest, long)))
			known = false;
		if (conversion.precision == STAR && is_large((int)va_arg(rest, long)))
			known = false;
		(void)va_arg(rest, long);
	}
	va_end(rest);
	return known;
}

static inline size_t fitting(const struct output *output, size_t count)
{
	size_t left = output->count < output->room ? output->room - output->count : 0;

	return count < left ? count : left;
}

static __attribute__((noinline)) void put(struct output *output, const char *from, size_t count)
{
	size_t fit = fitting(output, count);

	if (fit)
		lp_form_memmove(output->to + output->count, from, fit);
	output->count += count;
}

static __attribute__((noinline)) void fill(struct output *output, char byte, long count)
{
	size_t fit;

	if (count <= 0)
		return;
	fit = fitting(output, (size_t)count);
	if (fit)
		lp_form_memset(output->to + output->count, byte, fit);
	output->count += (size_t)count;
}

static void put_text(struct output *output, const struct conversion *conversion, const char *text,
		     size_t length)
{
	long blanks = conversion->width - (long)length;

	if (!(conversion->flags & LEFT))
		fill(output, ' ', blanks);
	put(output, text, length);
	if (conversion->flags & LEFT)
		fill(output, ' ', blanks);
}

static void put_string(struct output *output, const struct conversion *conversion, const char *text)
{
	int precision = conversion->precision;

	if (UNLIKELY(!text))
		put_text(output, conversion, "(null)", precision == NONE || precision >= 6 ? 6 : 0);
	else
		put_text(output, conversion, text,
			 precision == NONE ? lp_form_strlen(text)
					   : lp_form_strnlen(text, (size_t)precision));
}

/* A number of at most 64 bits, its sign or its mark, and zeros. */
static void put_number(struct output *output, const struct conversion *conversion,
		       unsigned long value, const char *mark, unsigned int base)
{
	char digits[24], *at = digits + sizeof(digits);
	unsigned int flags = conversion->flags, alpha = conversion->kind == 'X' ? 'A' : 'a';
	long length, zeros, blanks, marks = (long)lp_form_strlen(mark);

	if (base == 10) {
		for (; value; value /= 10)
			*--at = (char)('0' + value % 10);
	} else {
		unsigned int shift = base == 16 ? 4 : 3;

		for (; value; value >>= shift) {
			unsigned int digit = value & (base - 1);

			*--at = (char)(digit < 10 ? '0' + digit : alpha + digit - 10);
		}
	}
	length = digits + sizeof(digits) - at;
	zeros = (conversion->precision == NONE ? 1 : conversion->precision) - length;
	if (zeros < 0)
		zeros = 0;
	if (base == 8 && flags & ALTERNATE && !zeros)
		zeros = 1;
	blanks = conversion->width - marks - zeros - length;
	if (blanks > 0 && (flags & (ZERO | LEFT)) == ZERO && conversion->precision == NONE) {
		zeros += blanks;
		blanks = 0;
	}
	if (!(flags & LEFT))
		fill(output, ' ', blanks);
	put(output, mark, (size_t)marks);
	fill(output, '0', zeros);
	put(output, at, (size_t)length);
	if (flags & LEFT)
		fill(output, ' ', blanks);
}

static void put_signed(struct output *output, const struct conversion *conversion, long value)
{
	unsigned int flags = conversion->flags;
	const char *mark;

	if (conversion->length == LENGTH_INT)
		value = (int)value;
	else if (conversion->length == LENGTH_SHORT)
		value = (short)value;
	else if (conversion->length == LENGTH_CHAR)
		value = (signed char)value;
	mark = value < 0 ? "-" : flags & PLUS ? "+" : flags & BLANK ? " " : "";
	put_number(output, conversion, value < 0 ? -(unsigned long)value : (unsigned long)value,
		   mark, 10);
}

static void put_unsigned(struct output *output, const struct conversion *conversion,
			 unsigned long value)
{
	const char *mark = "";
	unsigned int base = 10;

	if (conversion->length == LENGTH_INT)
		value = (unsigned int)value;
	else if (conversion->length == LENGTH_SHORT)
		value = (unsigned short)value;
	else if (conversion->length == LENGTH_CHAR)
		value = (unsigned char)value;
	if (conversion->kind == 'o') {
		base = 8;
	} else if (conversion->kind != 'u') {
		base = 16;
		if (conversion->flags & ALTERNATE && value)
			mark = conversion->kind == 'X' ? "0X" : "0x";
	}
	put_number(output, conversion, value, mark, base);
}

static void put_pointer(struct output *output, const struct conversion *conversion,
			unsigned long value)
{
	if (value)
		put_number(output, conversion, value, "0x", 16);
	else
		put_text(output, conversion, "(nil)", 5);
}

static void put_argument(struct output *output, const struct conversion *conversion, long argument)
{
	char byte = (char)argument;

	switch (conversion->kind) {
	case 's':
		put_string(output, conversion, (const char *)argument);
		break;
	case 'c':
		put_text(output, conversion, &byte, 1);
		break;
	case 'p':
		put_pointer(output, conversion, (unsigned long)argument);
		break;
	case 'd':
	case 'i':
		put_signed(output, conversion, argument);
		break;
	default:
		put_unsigned(output, conversion, (unsigned long)argument);
	}
}

/* All of a format that is known. Each argument is a word, of which an int is the lower half. */
static __attribute__((noinline)) void put_all(struct output *output, const char *format,
					      va_list arguments)
{
	struct conversion conversion;

	for (;;) {
		const char *end = lp_form_strchrnul(format, '%');

		put(output, format, (size_t)(end - format));
		if (!*end)
			return;
		format = end + 1;
		if (*format == '%') {
			put(output, format++, 1);
			continue;
		}
		format = read_conversion(&conversion, format);
		if (conversion.width == STAR) {
			conversion.width = (int)va_arg(arguments, long);
			if (conversion.width < 0) {
				conversion.flags |= LEFT;
				conversion.width = -conversion.width;
			}
		}
		if (conversion.precision == STAR) {
			conversion.precision = (int)va_arg(arguments, long);
			if (conversion.precision < 0)
				conversion.precision = NONE;
		}
		put_argument(output, &conversion, va_arg(arguments, long));
	}
}

/*
 * The text to `to`, at most `size` bytes with the zero at its end; its length. -1: it is the
 * library's to write, and nothing was written, or no more than that will write.
 */
static __attribute__((noinline)) int print(char *to, size_t size, const char *format,
					   va_list arguments)
{
	struct output output = {.to = to, .room = size ? size - 1 : 0, .count = 0};
	va_list rest;

	if (UNLIKELY(!is_known(format, arguments)))
		return -1;
	va_copy(rest, arguments);
	put_all(&output, format, rest);
	va_end(rest);
	if (UNLIKELY(output.count > INT_MAX))
		return -1;
	if (size)
		to[output.count < output.room ? output.count : output.room] = 0;
	return (int)output.count;
}

int lp_form_vsnprintf(char *restrict to, size_t size, const char *restrict format,
		      va_list arguments)
{
	int length = size <= INT_MAX ? print(to, size, format, arguments) : -1;

	return LIKELY(length >= 0) ? length : vsnprintf(to, size, format, arguments);
}

int lp_form_vsprintf(char *restrict to, const char *restrict format, va_list arguments)
{
	int length = print(to, SIZE_MAX, format, arguments);

	return LIKELY(length >= 0) ? length : vsprintf(to, format, arguments);
}

/* What _FORTIFY_SOURCE makes of them: `room` is the size of what is written to. */
extern int __vsnprintf_chk(char *, size_t, int, size_t, const char *, va_list) LP_SOME_LIBRARIES;
extern int __vsprintf_chk(char *, int, size_t, const char *, va_list) LP_SOME_LIBRARIES;

int lp_form___vsnprintf_chk(char *to, size_t size, int flag, size_t room, const char *format,
			    va_list arguments)
{
	int length = size <= room && size <= INT_MAX ? print(to, size, format, arguments) : -1;

	return LIKELY(length >= 0) ? length
				   : __vsnprintf_chk(to, size, flag, room, format, arguments);
}

int lp_form___vsprintf_chk(char *to, int flag, size_t room, const char *format, va_list arguments)
{
	int length = room ? print(to, room, format, arguments) : -1;

	return LIKELY(length >= 0 && (size_t)length < room)
		   ? length
		   : __vsprintf_chk(to, flag, room, format, arguments);
}

#define WITH_ARGUMENTS(call)                                                                       \
	va_list arguments;                                                                         \
	int length;                                                                                \
                                                                                                   \
	va_start(arguments, format);                                                               \
	length = call;                                                                             \
	va_end(arguments);                                                                         \
	return length

int lp_form_snprintf(char *restrict to, size_t size, const char *restrict format, ...)
{
	WITH_ARGUMENTS(lp_form_vsnprintf(to, size, format, arguments));
}

int lp_form_sprintf(char *restrict to, const char *restrict format, ...)
{
	WITH_ARGUMENTS(lp_form_vsprintf(to, format, arguments));
}

int lp_form___snprintf_chk(char *to, size_t size, int flag, size_t room, const char *format, ...)
{
	WITH_ARGUMENTS(lp_form___vsnprintf_chk(to, size, flag, room, format, arguments));
}

int lp_form___sprintf_chk(char *to, int flag, size_t room, const char *format, ...)
{
	WITH_ARGUMENTS(lp_form___vsprintf_chk(to, flag, room, format, arguments));
}
