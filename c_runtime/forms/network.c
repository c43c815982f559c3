// SPDX-License-Identifier: GPL-2.0-only WITH GCC-exception-2.0
/* Addresses of networks and their text. */
#include <arpa/inet.h>
#include <netinet/in.h>

#include "forms.h"

enum { WORDS = 8, V6 = 16 };

uint32_t lp_form_htonl(uint32_t value)
{
	return __builtin_bswap32(value);
}

uint32_t lp_form_ntohl(uint32_t value)
{
	return __builtin_bswap32(value);
}

uint16_t lp_form_htons(uint16_t value)
{
	return (uint16_t)(value << 8 | value >> 8);
}

uint16_t lp_form_ntohs(uint16_t value)
{
	return (uint16_t)(value << 8 | value >> 8);
}

/* -- to text: each returns where the text ends ------------------------------------------------- */

static char *put_v4(char *to, const unsigned char *from)
{
	for (int i = 0; i < 4; i++) {
		unsigned int part = from[i];

		if (i)
			*to++ = '.';
		if (part >= 100)
			*to++ = (char)('0' + part / 100);
		if (part >= 10)
			*to++ = (char)('0' + part / 10 % 10);
		*to++ = (char)('0' + part % 10);
	}
	return to;
}

static char *put_hex(char *to, unsigned int word)
{
	int shift = 12;

	while (shift && !(word >> shift))
		shift -= 4;
	for (; shift >= 0; shift -= 4) {
		unsigned int digit = word >> shift & 15;

		*to++ = (char)(digit < 10 ? '0' + digit : 'a' + digit - 10);
	}
	return to;
}

/* The first of the longest runs of zeros, if it is of two at least, is written as two colons. */
static char *put_v6(char *to, const unsigned char *from)
{
	unsigned int words[WORDS];
	int best = -1, longest = 1, run = 0, i;

	for (i = 0; i < WORDS; i++) {
		words[i] = (unsigned int)from[2 * i] << 8 | from[2 * i + 1];
		run = words[i] ? 0 : run + 1;
		if (run > longest) {
			longest = run;
			best = i + 1 - run;
		}
	}
	for (i = 0; i < WORDS; i++) {
		if (best >= 0 && i >= best && i < best + longest) {
			if (i == best)
				*to++ = ':';
			continue;
		}
		if (i)
			*to++ = ':';
		/* One of the older kind in the newer. */
		if (i == 6 && best == 0 && (longest == 6 || (longest == 5 && words[5] == 0xffff)))
			return put_v4(to, from + 12);
		to = put_hex(to, words[i]);
	}
	if (best >= 0 && best + longest == WORDS)
		*to++ = ':';
	return to;
}

const char *lp_form_inet_ntop(int family, const void *restrict from, char *restrict to,
			      socklen_t size)
{
	char text[INET6_ADDRSTRLEN], *end;

	if (UNLIKELY(family != AF_INET && family != AF_INET6))
		return inet_ntop(family, from, to, size);
	end = family == AF_INET ? put_v4(text, from) : put_v6(text, from);
	*end++ = 0;
	if (UNLIKELY((size_t)(end - text) > size))
		return inet_ntop(family, from, to, size);
	lp_form_memmove(to, text, (size_t)(end - text));
	return to;
}

/* -- from text --------------------------------------------------------------------------------- */

/* Four decimal numbers without needless zeros, and nothing behind them. */
static bool read_v4(unsigned char *to, const char *from)
{
	for (int i = 0; i < 4; i++) {
		unsigned int part = 0;
		const char *digits = from;

		for (; *from >= '0' && *from <= '9'; from++) {
			if (from > digits && !part)
				return false;
			part = part * 10 + (unsigned int)(*from - '0');
			if (part > 255)
				return false;
		}
		if (from == digits || *from != (i == 3 ? 0 : '.'))
			return false;
		from++;
		to[i] = (unsigned char)part;
	}
	return true;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 32;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool read_v6(unsigned char *to, const char *from)
{
	unsigned int count = 0, word = 0, digits = 0;
	unsigned int gap = V6 + 1; /* where zeros are left out; beyond the end: nowhere */
	const char *token;

	if (*from == ':' && *++from != ':')
		return false;
	token = from;
	for (; *from; from++) {
		int digit = hex_digit(*from);

		if (digit >= 0) {
			if (digits++ == 4)
				return false;
			word = word << 4 | (unsigned int)digit;
			continue;
		}
		if (*from == ':') {
			token = from + 1;
			if (!digits) {
				if (gap <= V6)
					return false;
				gap = count;
				continue;
			}
			if (!*token || count + 2 > V6)
				return false;
			to[count++] = (unsigned char)(word >> 8);
			to[count++] = (unsigned char)word;
			digits = word = 0;
			continue;
		}
		if (*from != '.' || count + 4 > V6 || !read_v4(to + count, token))
			return false;
		count += 4;
		digits = 0;
		break;
	}
	if (digits) {
		if (count + 2 > V6)
			return false;
		to[count++] = (unsigned char)(word >> 8);
		to[count++] = (unsigned char)word;
	}
	if (gap > V6)
		return count == V6;
	if (count == V6)
		return false;
	lp_form_memmove(to + V6 - (count - gap), to + gap, count - gap);
	lp_form_memset(to + gap, 0, V6 - count);
	return true;
}

int lp_form_inet_pton(int family, const char *restrict from, void *restrict to)
{
	unsigned char address[V6];
	bool good;

	if (UNLIKELY(family != AF_INET && family != AF_INET6))
		return inet_pton(family, from, to);
	good = family == AF_INET ? read_v4(address, from) : read_v6(address, from);
	if (good)
		lp_form_memmove(to, address, family == AF_INET ? 4 : V6);
	return good;
}

/* Hexadecimal and octal parts, fewer parts, what follows: the library's. */
int lp_form_inet_aton(const char *from, struct in_addr *to)
{
	unsigned char address[4];

	if (UNLIKELY(!to || !read_v4(address, from)))
		return inet_aton(from, to);
	lp_form_memmove(to, address, 4);
	return 1;
}

in_addr_t lp_form_inet_addr(const char *from)
{
	unsigned char address[4];
	in_addr_t word;

	if (UNLIKELY(!read_v4(address, from)))
		return inet_addr(from);
	lp_form_memmove(&word, address, 4);
	return word;
}
