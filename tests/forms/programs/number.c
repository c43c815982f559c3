// SPDX-License-Identifier: GPL-2.0-only
/* Numbers from text: the same value, end and errno as the library's. */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>

#include "check.h"

enum { ROUNDS = 300000 };

extern __typeof__(strtoimax) lp_form_strtoimax;
extern __typeof__(strtoumax) lp_form_strtoumax;
extern __typeof__(atoi) lp_form_atoi;
extern __typeof__(atol) lp_form_atol;
extern __typeof__(atoll) lp_form_atoll;
extern __typeof__(abs) lp_form_abs;
extern __typeof__(labs) lp_form_labs;
extern __typeof__(llabs) lp_form_llabs;
extern __typeof__(strtol) lp_form_strtol, lp_form___isoc23_strtol;
extern __typeof__(strtoul) lp_form_strtoul, lp_form___isoc23_strtoul;
extern __typeof__(strtoll) lp_form_strtoll, lp_form___isoc23_strtoll;
extern __typeof__(strtoull) lp_form_strtoull, lp_form___isoc23_strtoull;

/* The value, the end and errno of one call. */
struct answer {
	unsigned long value;
	size_t end;
	int error;
};

#define ANSWER(function, text, base)                                                               \
	({                                                                                         \
		struct answer answer_;                                                             \
		char *end_ = (char *)(text);                                                       \
                                                                                                   \
		errno = 12345;                                                                     \
		answer_.value = (unsigned long)function(text, &end_, base);                        \
		answer_.error = errno;                                                             \
		answer_.end = (size_t)(end_ - (text));                                             \
		answer_;                                                                           \
	})

static void same(struct answer a, struct answer b, const char *text, int base)
{
	if (a.value == b.value && a.end == b.end && a.error == b.error)
		return;
	fprintf(stderr, "'%s' in base %d: %lx, %zu, %d; the library: %lx, %zu, %d\n", text, base,
		a.value, a.end, a.error, b.value, b.end, b.error);
	exit(1);
}

static void all(const char *text, int base)
{
	same(ANSWER(lp_form_strtol, text, base), ANSWER(strtol, text, base), text, base);
	same(ANSWER(lp_form_strtoul, text, base), ANSWER(strtoul, text, base), text, base);
	same(ANSWER(lp_form_strtoll, text, base), ANSWER(strtoll, text, base), text, base);
	same(ANSWER(lp_form_strtoull, text, base), ANSWER(strtoull, text, base), text, base);
	same(ANSWER(lp_form_strtoimax, text, base), ANSWER(strtoimax, text, base), text, base);
	same(ANSWER(lp_form_strtoumax, text, base), ANSWER(strtoumax, text, base), text, base);
	CHECK(lp_form_strtol(text, NULL, base) == strtol(text, NULL, base));
	errno = 12345;
	CHECK(lp_form_atoi(text) == atoi(text));
	CHECK(errno == ANSWER(strtol, text, 10).error);
	CHECK(lp_form_atol(text) == atol(text) && lp_form_atoll(text) == atoll(text));
}

static void absolutes(void)
{
	for (int round = 0; round < 1000; round++) {
		long value = round ? (long)any() : LONG_MIN;

		CHECK(lp_form_labs(value) == labs(value) && lp_form_llabs(value) == llabs(value));
		value = round ? value : INT_MIN;
		CHECK(lp_form_abs((int)value) == abs((int)value));
	}
}

/* The names that C23 made: with a prefix of 0b in base 0 and 2, else as before. */
static void all_of_c23(const char *text, int base)
{
	const char *at = text + strspn(text, " \t\n\v\f\r");

	at += *at == '-' || *at == '+';
	if (at[0] == '0' && (at[1] | 32) == 'b' && (base == 0 || base == 2)) {
		struct answer answer = ANSWER(lp_form___isoc23_strtoull, text, base);
		size_t digits = strspn(at + 2, "01");
		unsigned long value = 0;

		if (digits > 63)
			return; /* an error is the library's business, which may lack the name */
		for (size_t i = 0; i < digits; i++)
			value = 2 * value + (at[2 + i] == '1');
		if (at > text && at[-1] == '-')
			value = -value;
		CHECK(answer.value == value);
		CHECK(answer.end == (size_t)(at - text) + (digits ? 2 + digits : 1));
		CHECK(answer.error == 12345);
		CHECK(lp_form___isoc23_strtol(text, NULL, base) == (long)value);
		return;
	}
	if (base < 0 || base == 1 || base > 36 || *at & 128)
		return;
	if (ANSWER(strtol, text, base).error == 12345) {
		same(ANSWER(lp_form___isoc23_strtol, text, base), ANSWER(strtol, text, base), text,
		     base);
		same(ANSWER(lp_form___isoc23_strtoll, text, base), ANSWER(strtoll, text, base),
		     text, base);
	}
	if (ANSWER(strtoul, text, base).error == 12345) {
		same(ANSWER(lp_form___isoc23_strtoul, text, base), ANSWER(strtoul, text, base),
		     text, base);
		same(ANSWER(lp_form___isoc23_strtoull, text, base), ANSWER(strtoull, text, base),
		     text, base);
	}
}

static const char *const cases[] = {
    "",
    " ",
    "-",
    "+",
    "0",
    "-0",
    "00",
    "0x",
    "0X",
    "-0x",
    "0xg",
    "0x1",
    " 0xfFz",
    "0b",
    "0b2",
    "0b1",
    "+0B101x",
    "-0b11",
    "1",
    "z",
    "Z1",
    "\v\f7",
    "- 1",
    "--1",
    "+-1",
    "08",
    "0o7",
    "09x",
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775808",
    "-9223372036854775809",
    "18446744073709551615",
    "18446744073709551616",
    "-18446744073709551615",
    "-18446744073709551616",
    "99999999999999999999999999",
    "0x7fffffffffffffff",
    "0x8000000000000000",
    "0xffffffffffffffff",
    "0x10000000000000000",
    "zzzzzzzzzzzzz",
    "\xa0 1",
    "\xff",
    "1\xb2",
    "1_000",
    "1,000",
    "0x0x1",
    "0000000000000000000000000000001",
};

int main(int argc, char **argv)
{
	static const char letters[] = " \t\n\r+-00xXbB11922ffAzZ78_.\xa0";
	static const int bases[] = {0, 2, 8, 10, 16, 36, 7, 35};

	begin(argc, argv);
	absolutes();
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		for (int base = -2; base <= 40; base++) {
			all(cases[i], base);
			all_of_c23(cases[i], base);
		}
		all(cases[i], INT_MIN);
	}
	for (int round = 0; round < ROUNDS; round++) {
		size_t length = below(12), i = 0;
		char *text = ours + ARENA - 1 - length;
		int base = bases[below(8)];

		if (below(2))
			for (; i < length && below(2); i++)
				text[i] = letters[below(10)];
		for (; i < length; i++)
			text[i] = letters[below(sizeof(letters) - 1)];
		text[length] = 0;
		all(text, base);
		all_of_c23(text, base);
		/* Near the limits. */
		snprintf(text = ours, 99, "%s%lu", below(2) ? "-" : "",
			 (below(2) ? (unsigned long)LONG_MAX : ULONG_MAX) - 3 + below(7));
		all(text, 10);
	}
	return 0;
}
