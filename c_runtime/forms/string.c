// SPDX-License-Identifier: GPL-2.0-only WITH GCC-exception-2.0
/* Strings, a word at a time where that can't reach into another page. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "forms.h"

size_t lp_form_strlen(const char *string)
{
	const char *at = lp_align(string);
	uint64_t marks = lp_zeros(lp_load(at) | lp_ahead(string));

	while (!marks) {
		at += LP_WORD;
		marks = lp_zeros(lp_load(at));
	}
	return (size_t)(at + lp_lowest(marks) - string);
}

size_t lp_form_strnlen(const char *string, size_t most)
{
	const char *end = lp_form_memchr(string, 0, most);

	return end ? (size_t)(end - string) : most;
}

/* The first byte of the string that is `byte` or its end. */
static inline const char *find(const char *string, int byte)
{
	const char *at = lp_align(string);
	uint64_t every = lp_every_byte(byte), ahead = lp_ahead(string), word = lp_load(at), marks;

	marks = lp_zeros(word | ahead) | lp_zeros((word ^ every) | ahead);
	while (!marks) {
		at += LP_WORD;
		word = lp_load(at);
		marks = lp_zeros(word) | lp_zeros(word ^ every);
	}
	return at + lp_lowest(marks);
}

char *lp_form_strchrnul(const char *string, int byte)
{
	return (char *)find(string, byte);
}

char *lp_form_strchr(const char *string, int byte)
{
	const char *at = find(string, byte);

	return *at == (char)byte ? (char *)at : NULL;
}

char *lp_form_strrchr(const char *string, int byte)
{
	const char *found = NULL, *at;

	for (;; string = at + 1) {
		at = find(string, byte);
		if (*at == (char)byte)
			found = at;
		if (!*at)
			return (char *)found;
	}
}

/* -- comparison -------------------------------------------------------------------------------- */

static inline int compare(const char *a, const char *b, size_t most)
{
	while (most) {
		if (most >= LP_WORD && lp_in_page(a) && lp_in_page(b)) {
			uint64_t x = lp_load(a), y = lp_load(b);
			uint64_t marks = (x ^ y) | lp_zeros(x);

			if (marks) {
				unsigned int shift = lp_lowest(marks) * 8;

				return (int)(x >> shift & 255) - (int)(y >> shift & 255);
			}
			a += LP_WORD;
			b += LP_WORD;
			most -= LP_WORD;
			continue;
		}
		if (*a != *b || !*a)
			return (unsigned char)*a - (unsigned char)*b;
		a++;
		b++;
		most--;
	}
	return 0;
}

int lp_form_strcmp(const char *a, const char *b)
{
	return compare(a, b, SIZE_MAX);
}

int lp_form_strncmp(const char *a, const char *b, size_t most)
{
	return compare(a, b, most);
}

static inline int compare_lower(const char *a, const char *b, size_t most, const int32_t *lower)
{
	for (; most; a++, b++, most--) {
		unsigned char x = (unsigned char)*a, y = (unsigned char)*b;

		if (x != y && lower[x] != lower[y])
			return lower[x] - lower[y];
		if (!x)
			break;
	}
	return 0;
}

int lp_form_strcasecmp(const char *a, const char *b)
{
	const int32_t **lower = lp_form_thread.ctype_tolower;

	return LIKELY(lower != NULL) ? compare_lower(a, b, SIZE_MAX, *lower) : strcasecmp(a, b);
}

int lp_form_strncasecmp(const char *a, const char *b, size_t most)
{
	const int32_t **lower = lp_form_thread.ctype_tolower;

	return LIKELY(lower != NULL) ? compare_lower(a, b, most, *lower) : strncasecmp(a, b, most);
}

/* -- copies ------------------------------------------------------------------------------------ */

char *lp_form_strcpy(char *restrict to, const char *restrict from)
{
	return lp_form_memmove(to, from, lp_form_strlen(from) + 1);
}

char *lp_form_stpcpy(char *restrict to, const char *restrict from)
{
	size_t length = lp_form_strlen(from);

	lp_form_memmove(to, from, length + 1);
	return to + length;
}

char *lp_form_strncpy(char *restrict to, const char *restrict from, size_t count)
{
	size_t length = lp_form_strnlen(from, count);

	lp_form_memmove(to, from, length);
	lp_form_memset(to + length, 0, count - length);
	return to;
}

char *lp_form_strcat(char *restrict to, const char *restrict from)
{
	lp_form_memmove(to + lp_form_strlen(to), from, lp_form_strlen(from) + 1);
	return to;
}

char *lp_form_stpncpy(char *restrict to, const char *restrict from, size_t count)
{
	size_t length = lp_form_strnlen(from, count);

	lp_form_strncpy(to, from, count);
	return to + length;
}

char *lp_form_strncat(char *restrict to, const char *restrict from, size_t most)
{
	size_t length = lp_form_strnlen(from, most);
	char *end = to + lp_form_strlen(to);

	lp_form_memmove(end, from, length);
	end[length] = 0;
	return to;
}

/* A copy of the first `length` bytes. */
static inline char *duplicate(const char *from, size_t length)
{
	char *copy = lp_form_malloc(length + 1);

	if (UNLIKELY(!copy))
		return NULL;
	lp_form_memmove(copy, from, length);
	copy[length] = 0;
	return copy;
}

char *lp_form_strdup(const char *from)
{
	return duplicate(from, lp_form_strlen(from));
}

char *lp_form_strndup(const char *from, size_t most)
{
	return duplicate(from, lp_form_strnlen(from, most));
}

/* What _FORTIFY_SOURCE makes of them: `room` is the size of what is written to. */
extern char *__strcpy_chk(char *, const char *, size_t) LP_SOME_LIBRARIES;
extern char *__stpcpy_chk(char *, const char *, size_t) LP_SOME_LIBRARIES;
extern char *__strncpy_chk(char *, const char *, size_t, size_t) LP_SOME_LIBRARIES;
extern char *__strcat_chk(char *, const char *, size_t) LP_SOME_LIBRARIES;
extern char *__stpncpy_chk(char *, const char *, size_t, size_t) LP_SOME_LIBRARIES;
extern char *__strncat_chk(char *, const char *, size_t, size_t) LP_SOME_LIBRARIES;

char *lp_form___strcpy_chk(char *to, const char *from, size_t room)
{
	size_t length = lp_form_strlen(from);

	if (UNLIKELY(length >= room))
		return __strcpy_chk(to, from, room);
	return lp_form_memmove(to, from, length + 1);
}

char *lp_form___stpcpy_chk(char *to, const char *from, size_t room)
{
	size_t length = lp_form_strlen(from);

	if (UNLIKELY(length >= room))
		return __stpcpy_chk(to, from, room);
	lp_form_memmove(to, from, length + 1);
	return to + length;
}

char *lp_form___strncpy_chk(char *to, const char *from, size_t count, size_t room)
{
	if (UNLIKELY(count > room))
		return __strncpy_chk(to, from, count, room);
	return lp_form_strncpy(to, from, count);
}

char *lp_form___strcat_chk(char *to, const char *from, size_t room)
{
	size_t before = lp_form_strlen(to), length = lp_form_strlen(from);

	if (UNLIKELY(before >= room || length >= room - before))
		return __strcat_chk(to, from, room);
	lp_form_memmove(to + before, from, length + 1);
	return to;
}

char *lp_form___stpncpy_chk(char *to, const char *from, size_t count, size_t room)
{
	if (UNLIKELY(count > room))
		return __stpncpy_chk(to, from, count, room);
	return lp_form_stpncpy(to, from, count);
}

char *lp_form___strncat_chk(char *to, const char *from, size_t most, size_t room)
{
	size_t before = lp_form_strlen(to), length = lp_form_strnlen(from, most);

	if (UNLIKELY(before >= room || length >= room - before))
		return __strncat_chk(to, from, most, room);
	lp_form_memmove(to + before, from, length);
	to[before + length] = 0;
	return to;
}

/* -- sets and substrings ----------------------------------------------------------------------- */

/* How many bytes of the string are in the set, or are not; it ends with the string at the latest.
 */
static inline size_t span(const char *string, const char *set, bool wanted)
{
	uint64_t members[4] = {0, 0, 0, 0};
	const char *at;
	unsigned char c;

	for (; *set; set++) {
		c = (unsigned char)*set;
		members[c / 64] |= (uint64_t)1 << c % 64;
	}
	for (at = string; *at; at++) {
		c = (unsigned char)*at;
		if ((members[c / 64] >> c % 64 & 1) != wanted)
			break;
	}
	return (size_t)(at - string);
}

size_t lp_form_strspn(const char *string, const char *set)
{
	return span(string, set, true);
}

size_t lp_form_strcspn(const char *string, const char *set)
{
	return span(string, set, false);
}

char *lp_form_strpbrk(const char *string, const char *set)
{
	string += span(string, set, false);
	return *string ? (char *)string : NULL;
}

char *lp_form_strsep(char **restrict rest, const char *restrict set)
{
	char *token = *rest, *end;

	if (!token)
		return NULL;
	end = token + span(token, set, false);
	if (*end) {
		*end++ = 0;
		*rest = end;
	} else {
		*rest = NULL;
	}
	return token;
}

char *lp_form_strtok_r(char *restrict string, const char *restrict set, char **restrict rest)
{
	char *end;

	if (!string)
		string = *rest;
	string += span(string, set, true);
	if (!*string) {
		*rest = string;
		return NULL;
	}
	end = string + span(string, set, false);
	if (*end)
		*end++ = 0;
	*rest = end;
	return string;
}

/*
 * The plain search: for each place of the first byte, compare. Where that has begun to take more
 * than a few steps for each byte of the text, the library's, which is linear, does it.
 */
char *lp_form_strstr(const char *text, const char *wanted)
{
	const char *at = text;
	size_t steps = 0;

	if (!*wanted)
		return (char *)text;
	for (;; at++) {
		size_t same = 1;

		at = find(at, *wanted);
		if (!*at)
			return NULL;
		while (wanted[same] && at[same] == wanted[same])
			same++;
		if (!wanted[same])
			return (char *)at;
		steps += same;
		if (UNLIKELY(steps > 256 + 8 * (size_t)(at - text)))
			return strstr(text, wanted);
	}
}

char *lp_form_strcasestr(const char *text, const char *wanted)
{
	const int32_t **tables = lp_form_thread.ctype_tolower, *lower;
	const char *at;
	size_t steps = 0;

	if (UNLIKELY(!tables))
		return strcasestr(text, wanted);
	lower = *tables;
	for (at = text;; at++) {
		size_t same = 0;

		while (wanted[same] && at[same] &&
		       lower[(unsigned char)wanted[same]] == lower[(unsigned char)at[same]])
			same++;
		if (!wanted[same])
			return (char *)at;
		/* It ends before the wanted does. */
		if (!at[same])
			return NULL;
		steps += same;
		if (UNLIKELY(steps > 256 + 8 * (size_t)(at - text)))
			return strcasestr(text, wanted);
	}
}

void *lp_form_memmem(const void *text, size_t size, const void *wanted, size_t count)
{
	const char *at = text, *last = at + size - count, *first = wanted;
	size_t steps = 0;

	if (!count)
		return (void *)text;
	if (size < count)
		return NULL;
	for (;; at++) {
		size_t same = 1;

		at = lp_form_memchr(at, *first, (size_t)(last - at) + 1);
		if (!at)
			return NULL;
		while (same < count && at[same] == first[same])
			same++;
		if (same == count)
			return (void *)at;
		if (at == last)
			return NULL;
		steps += same;
		if (UNLIKELY(steps > 256 + 8 * (size_t)(at - (const char *)text)))
			return memmem(text, size, wanted, count);
	}
}

/* -- old names --------------------------------------------------------------------------------- */

char *lp_form_index(const char *string, int byte)
{
	return lp_form_strchr(string, byte);
}

char *lp_form_rindex(const char *string, int byte)
{
	return lp_form_strrchr(string, byte);
}
