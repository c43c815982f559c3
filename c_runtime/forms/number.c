// SPDX-License-Identifier: GPL-2.0-only WITH GCC-exception-2.0
/*
 * Integers from text, as the C library reads them in every locale: what a locale might see
 * otherwise (a first byte that is no ASCII) and all errors are left to the library.
 */
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>

#include "forms.h"

enum { BINARY = 1, SIGNED = 2 };

/* What was read; what it says not, the library is to say. */
struct number {
	unsigned long value;
	const char *end;
	bool known;
};

static inline bool is_blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

/* The value of a digit in base 36; 36 and more: it is none. */
static inline unsigned int digit_of(char c)
{
	unsigned int digit = (unsigned int)c - '0';

	if (digit < 10)
		return digit;
	digit = ((unsigned int)c | 32) - 'a';
	return digit < 26 ? digit + 10 : 36;
}

static __attribute__((noinline)) void read_number(struct number *number, const char *text, int base,
						  int how)
{
	unsigned long value = 0, limit;
	const char *at = text, *digits;
	bool minus = false;

	number->known = false;
	number->value = 0;
	number->end = text;
	if (UNLIKELY(base < 0 || base == 1 || base > 36))
		return;
	while (is_blank(*at))
		at++;
	if (UNLIKELY(*at & 128))
		return;
	if (*at == '-' || *at == '+')
		minus = *at++ == '-';
	if (*at == '0') {
		char mark = at[1] | 32;

		if ((base == 0 || base == 16) && mark == 'x') {
			base = 16;
			at += 2;
			number->end = at - 1; /* if no digit follows, it is the 0 */
		} else if ((how & BINARY) && (base == 0 || base == 2) && mark == 'b') {
			base = 2;
			at += 2;
			number->end = at - 1;
		} else if (!base) {
			base = 8;
		}
	} else if (!base) {
		base = 10;
	}

	for (digits = at;; at++) {
		unsigned int digit = digit_of(*at);

		if (digit >= (unsigned int)base)
			break;
		if (UNLIKELY(__builtin_mul_overflow(value, (unsigned long)base, &value) ||
			     __builtin_add_overflow(value, digit, &value)))
			return;
	}
	limit = how & SIGNED ? (unsigned long)LONG_MAX + minus : ULONG_MAX;
	if (UNLIKELY(value > limit))
		return;
	if (at != digits)
		number->end = at;
	number->value = minus ? -value : value;
	number->known = true;
}

/* What all eight do: `library` is the expression that has the library do it. */
#define READ(how, library)                                                                         \
	struct number number;                                                                      \
                                                                                                   \
	read_number(&number, text, base, how);                                                     \
	if (UNLIKELY(!number.known))                                                               \
		return library(text, end, base);                                                   \
	if (end)                                                                                   \
		*end = (char *)number.end;                                                         \
	return number.value

extern long __isoc23_strtol(const char *, char **, int) LP_SOME_LIBRARIES;
extern unsigned long __isoc23_strtoul(const char *, char **, int) LP_SOME_LIBRARIES;
extern long long __isoc23_strtoll(const char *, char **, int) LP_SOME_LIBRARIES;
extern unsigned long long __isoc23_strtoull(const char *, char **, int) LP_SOME_LIBRARIES;

long lp_form_strtol(const char *text, char **end, int base)
{
	READ(SIGNED, strtol);
}

unsigned long lp_form_strtoul(const char *text, char **end, int base)
{
	READ(0, strtoul);
}

long long lp_form_strtoll(const char *text, char **end, int base)
{
	READ(SIGNED, strtoll);
}

unsigned long long lp_form_strtoull(const char *text, char **end, int base)
{
	READ(0, strtoull);
}

long lp_form___isoc23_strtol(const char *text, char **end, int base)
{
	READ(SIGNED | BINARY, __isoc23_strtol);
}

unsigned long lp_form___isoc23_strtoul(const char *text, char **end, int base)
{
	READ(BINARY, __isoc23_strtoul);
}

long long lp_form___isoc23_strtoll(const char *text, char **end, int base)
{
	READ(SIGNED | BINARY, __isoc23_strtoll);
}

unsigned long long lp_form___isoc23_strtoull(const char *text, char **end, int base)
{
	READ(BINARY, __isoc23_strtoull);
}

intmax_t lp_form_strtoimax(const char *restrict text, char **restrict end, int base)
{
	READ(SIGNED, strtoimax);
}

uintmax_t lp_form_strtoumax(const char *restrict text, char **restrict end, int base)
{
	READ(0, strtoumax);
}

int lp_form_atoi(const char *text)
{
	struct number number;

	read_number(&number, text, 10, SIGNED);
	return LIKELY(number.known) ? (int)number.value : atoi(text);
}

long lp_form_atol(const char *text)
{
	struct number number;

	read_number(&number, text, 10, SIGNED);
	return LIKELY(number.known) ? (long)number.value : atol(text);
}

long long lp_form_atoll(const char *text)
{
	struct number number;

	read_number(&number, text, 10, SIGNED);
	return LIKELY(number.known) ? (long long)number.value : atoll(text);
}

/* The least of a type is its own, as in the library. */
int lp_form_abs(int value)
{
	return value < 0 ? (int)-(unsigned int)value : value;
}

long lp_form_labs(long value)
{
	return value < 0 ? (long)-(unsigned long)value : value;
}

long long lp_form_llabs(long long value)
{
	return lp_form_labs(value);
}
