// SPDX-License-Identifier: GPL-2.0-only
/* Text from formats: the same bytes and lengths as the library's, of formats that forms know and of
 * those that they leave to it. */
#include <errno.h>
#include <limits.h>
#include <stdarg.h>

#include "check.h"

/* Formats and arguments are wrong on purpose; clang does not know all of these warnings. */
#pragma GCC diagnostic ignored "-Wpragmas"
#pragma GCC diagnostic ignored "-Wunknown-warning-option"
#pragma GCC diagnostic ignored "-Wformat"
#pragma GCC diagnostic ignored "-Wformat-extra-args"
#pragma GCC diagnostic ignored "-Wformat-overflow"
#pragma GCC diagnostic ignored "-Wformat-truncation"
#pragma GCC diagnostic ignored "-Wformat-zero-length"
#pragma GCC diagnostic ignored "-Wrestrict"
#pragma GCC diagnostic ignored "-Wfortify-source"

enum { ROUNDS = 15000, ROOM = 700 };

extern int __snprintf_chk(char *, size_t, int, size_t, const char *, ...);
extern int __sprintf_chk(char *, int, size_t, const char *, ...);
extern int __vsnprintf_chk(char *, size_t, int, size_t, const char *, va_list);
extern int __vsprintf_chk(char *, int, size_t, const char *, va_list);

extern __typeof__(snprintf) lp_form_snprintf;
extern __typeof__(sprintf) lp_form_sprintf;
extern __typeof__(vsnprintf) lp_form_vsnprintf;
extern __typeof__(vsprintf) lp_form_vsprintf;
extern __typeof__(__snprintf_chk) lp_form___snprintf_chk;
extern __typeof__(__sprintf_chk) lp_form___sprintf_chk;
extern __typeof__(__vsnprintf_chk) lp_form___vsnprintf_chk;
extern __typeof__(__vsprintf_chk) lp_form___vsprintf_chk;

static void same(const char *format, int a, int b)
{
	if (a == b && !memcmp(ours, theirs, 2 * ROOM))
		return;
	fprintf(stderr, "\"%s\": %d, \"%.80s\"; the library: %d, \"%.80s\"\n", format, a, ours, b,
		theirs);
	exit(1);
}

/* Both sides, by all four ways. */
#define PRINT(room, format, ...)                                                                   \
	do {                                                                                       \
		int a_ = lp_form_snprintf(ours, room, format, ##__VA_ARGS__);                      \
		int b_ = snprintf(theirs, room, format, ##__VA_ARGS__);                            \
                                                                                                   \
		same(format, a_, b_);                                                              \
		a_ = lp_form___snprintf_chk(ours, room, 1, ROOM, format, ##__VA_ARGS__);           \
		b_ = __snprintf_chk(theirs, room, 1, ROOM, format, ##__VA_ARGS__);                 \
		same(format, a_, b_);                                                              \
		if (b_ >= ROOM)                                                                    \
			break;                                                                     \
		a_ = lp_form_sprintf(ours, format, ##__VA_ARGS__);                                 \
		b_ = sprintf(theirs, format, ##__VA_ARGS__);                                       \
		same(format, a_, b_);                                                              \
		a_ = lp_form___sprintf_chk(ours, 1, ROOM, format, ##__VA_ARGS__);                  \
		b_ = __sprintf_chk(theirs, 1, ROOM, format, ##__VA_ARGS__);                        \
		same(format, a_, b_);                                                              \
	} while (0)

static unsigned long some_value(void)
{
	switch (below(6)) {
	case 0:
		return below(3) - 1;
	case 1:
		return below(300);
	case 2:
		return (1UL << below(64)) - below(2);
	case 3:
		return (unsigned long)LONG_MIN + below(2);
	default:
		return any() >> below(64);
	}
}

static char *put_some_amount(char *at, int *star)
{
	*star = 0;
	switch (below(4)) {
	case 0:
		*at++ = '*';
		*star = 1;
		return at;
	case 1:
		return at + sprintf(at, "%d", (int)below(below(8) ? 20 : 300));
	}
	return at;
}

/* One conversion with text around it; which arguments it takes. */
static char *put_some_conversion(char *at, int *width, int *precision, bool *is_text)
{
	static const char *const lengths[] = {"", "", "hh", "h", "l", "ll", "z", "j", "t"};
	static const char kinds[] = "diuxXocsp";
	char kind = kinds[below(sizeof(kinds) - 1)];

	*precision = 0;
	at += sprintf(at, "%s%%", below(2) ? "text " : below(2) ? "%%" : "");
	while (below(2))
		*at++ = "-+ #0"[below(5)];
	at = put_some_amount(at, width);
	if (below(3) == 0) {
		*at++ = '.';
		at = put_some_amount(at, precision);
	}
	if (kind != 'c' && kind != 's' && kind != 'p')
		at += sprintf(at, "%s", lengths[below(9)]);
	*at++ = kind;
	*is_text = kind == 's';
	return at + sprintf(at, "%s", below(2) ? "." : "");
}

static void conversions(void)
{
	static char *const texts[] = {"", "a", "some words", "\xc3\xa4\xff", NULL};
	char format[100], *end = format;
	long values[6];
	int count = 0, conversions = 1 + (int)below(2);
	size_t room = below(3) ? ROOM : below(40);

	while (conversions--) {
		int width, precision;
		bool is_text;

		end = put_some_conversion(end, &width, &precision, &is_text);
		if (width)
			values[count++] = (long)below(40) - 20;
		if (precision)
			values[count++] = (long)below(30) - 5;
		values[count++] = is_text ? (long)texts[below(5)] : (long)some_value();
	}
	PRINT(room, format, values[0], values[1], values[2], values[3], values[4], values[5]);
}

static int by_list(bool form, int way, size_t room, const char *format, ...)
{
	char *to = form ? ours : theirs;
	va_list list;
	int length = 0;

	va_start(list, format);
	switch (way) {
	case 0:
		length = (form ? lp_form_vsnprintf : vsnprintf)(to, room, format, list);
		break;
	case 1:
		length = (form ? lp_form_vsprintf : vsprintf)(to, format, list);
		break;
	case 2:
		length = (form ? lp_form___vsnprintf_chk : __vsnprintf_chk)(to, room, 1, room,
									    format, list);
		break;
	case 3:
		length =
		    (form ? lp_form___vsprintf_chk : __vsprintf_chk)(to, 1, room, format, list);
		break;
	}
	va_end(list);
	return length;
}

/* With arguments in all registers and on the stack, those of the vectors too. */
static void lists(void)
{
	static const char *const formats[] = {
	    "%d %s %c %x %ld %d %d %d %d.",
	    "%d %s %c %x %ld %d %d %d %d %f %g %Lf.",
	};

	for (int way = 0; way < 4; way++)
		for (size_t i = 0; i < 2; i++) {
			int a = by_list(true, way, ROOM, formats[i], 1, "two", '3', 4, 5L, 6, 7, 8,
					9, 1.5, 2e300, 3.25L);
			int b = by_list(false, way, ROOM, formats[i], 1, "two", '3', 4, 5L, 6, 7, 8,
					9, 1.5, 2e300, 3.25L);

			same(formats[i], a, b);
		}
}

/* The library's: nothing that it would not have done is done before. */
static void left_to_the_library(void)
{
	static wchar_t wide[] = L"wide";
	int so_far_a = -1, so_far_b = -1;

	PRINT(ROOM, "%d %f", 1, 2.5);
	PRINT(ROOM, "%s %.3e %d", "x", 1e-5, 7);
	PRINT(ROOM, "%2$d %1$s", "first", 2);
	PRINT(ROOM, "%ls %lc %S", wide, L'x', wide);
	PRINT(ROOM, "%'d %I64d", 1234567, 3);
	PRINT(ROOM, "%m %d", 3);
	PRINT(ROOM, "%k %d %", 3);
	PRINT(ROOM, "%Lf", 1.0L);
	PRINT(ROOM, "%5% %d", 1);
	PRINT(10, "%2000000d", 1);
	PRINT(10, "%*d", 3000000, 1);
	PRINT(10, "%.*d", 3000000, 1);
	PRINT(10, "%99999999999d", 1);
	snprintf(theirs, ROOM, "%d%n", 123, &so_far_b);
	lp_form_snprintf(ours, ROOM, "%d%n", 123, &so_far_a);
	CHECK(so_far_a == 3 && so_far_b == 3);
	errno = 0;
	CHECK(lp_form_snprintf(ours, SIZE_MAX, "%d", 5) == snprintf(theirs, SIZE_MAX, "%d", 5));
}

static void edges(void)
{
	PRINT(0, "%d", 12345);
	PRINT(1, "%d", 12345);
	PRINT(5, "%d", 12345);
	PRINT(6, "%d", 12345);
	PRINT(ROOM, "");
	PRINT(ROOM, "%%");
	PRINT(ROOM, "%s", "");
	PRINT(ROOM, "%p %p", NULL, ours);
	PRINT(ROOM, "%ld %ld %lu", LONG_MIN, LONG_MAX, ULONG_MAX);
	PRINT(ROOM, "%.0d|%.0u|%.0x|%#.0o|%#x|%#o", 0, 0, 0, 0, 0, 0);
	CHECK(lp_form_snprintf(NULL, 0, "%s %d", "abc", 7) == 5);
	/* Up to the very end of what may be written, and read. */
	for (size_t length = 0; length < 40; length++) {
		char *end = ours + ARENA - length - 1, *word = theirs + ARENA - length;

		memset(word, 'w', length);
		CHECK(lp_form_sprintf(end, "%.*s", (int)length, word) == (int)length);
		CHECK(strlen(end) == length);
		CHECK(lp_form_snprintf(end, length + 1, "%s%s", end[0] ? "abc" : "",
				       "0123456789") == 10 + 3 * (length > 0));
	}
	fill_arenas(256);
}

static void overflows(void)
{
	for (size_t room = 0; room < 8; room++) {
		CHECK(ENDS(lp_form___sprintf_chk(ours, 1, room, "%d", 12345)) ==
		      ENDS(__sprintf_chk(theirs, 1, room, "%d", 12345)));
		CHECK(ENDS(lp_form___snprintf_chk(ours, 5, 1, room, "%d", 12345)) ==
		      ENDS(__snprintf_chk(theirs, 5, 1, room, "%d", 12345)));
	}
}

int main(int argc, char **argv)
{
	begin(argc, argv);
	fill_arenas(256);
	edges();
	overflows();
	lists();
	left_to_the_library();
	for (int round = 0; round < ROUNDS; round++) {
		if (round % 64 == 0)
			fill_arenas(256);
		conversions();
	}
	return 0;
}
