// SPDX-License-Identifier: GPL-2.0-only WITH GCC-exception-2.0
/*
 * Memory. Short operands by words, which may overlap in the middle; long ones by the processor's
 * string instructions, in pieces, so that the loop around them spends its budget.
 */
#include <string.h>

#include "forms.h"

enum { LONG = 256, PIECE = 4096 };

/* Up to 16 bytes: all are read before any is written. */
static inline void move_short(char *to, const char *from, size_t count)
{
	if (count >= 8) {
		uint64_t first = lp_load(from), last = lp_load(from + count - 8);

		lp_store(to, first);
		lp_store(to + count - 8, last);
	} else if (count >= 4) {
		uint32_t first = *(const lp_half *)from;
		uint32_t last = *(const lp_half *)(from + count - 4);

		*(lp_half *)to = first;
		*(lp_half *)(to + count - 4) = last;
	} else if (count >= 2) {
		uint16_t first = *(const lp_quarter *)from;
		uint16_t last = *(const lp_quarter *)(from + count - 2);

		*(lp_quarter *)to = first;
		*(lp_quarter *)(to + count - 2) = last;
	} else if (count) {
		*to = *from;
	}
}

/* More than 16 bytes, to a lower address or to where they don't reach. */
static inline void move_up(char *to, const char *from, size_t count)
{
	uint64_t last = lp_load(from + count - LP_WORD);
	char *end = to + count - LP_WORD;

	if (count >= LONG) {
		do {
			size_t piece = count < PIECE ? count : PIECE;

			count -= piece;
			__asm__ volatile("rep movsb"
					 : "+D"(to), "+S"(from), "+c"(piece)
					 :
					 : "memory");
		} while (count);
		return;
	}
	for (; count > 4 * LP_WORD; count -= 4 * LP_WORD) {
		uint64_t a = lp_load(from), b = lp_load(from + 8);
		uint64_t c = lp_load(from + 16), d = lp_load(from + 24);

		lp_store(to, a);
		lp_store(to + 8, b);
		lp_store(to + 16, c);
		lp_store(to + 24, d);
		from += 4 * LP_WORD;
		to += 4 * LP_WORD;
	}
	for (; count > LP_WORD; count -= LP_WORD) {
		lp_store(to, lp_load(from));
		from += LP_WORD;
		to += LP_WORD;
	}
	lp_store(end, last);
}

/* More than 16 bytes, to a higher address that they reach. */
static inline void move_down(char *to, const char *from, size_t count)
{
	uint64_t first = lp_load(from);
	char *begin = to;

	from += count;
	to += count;
	for (; count > LP_WORD; count -= LP_WORD) {
		from -= LP_WORD;
		to -= LP_WORD;
		lp_store(to, lp_load(from));
	}
	lp_store(begin, first);
}

void *lp_form_memmove(void *to, const void *from, size_t count)
{
	if (count <= 2 * LP_WORD)
		move_short(to, from, count);
	else if ((uintptr_t)to - (uintptr_t)from >= count)
		move_up(to, from, count);
	else
		move_down(to, from, count);
	return to;
}

/* The library's memcpy is its memmove, and some programs rest on it. */
void *lp_form_memcpy(void *restrict to, const void *restrict from, size_t count)
{
	return lp_form_memmove(to, from, count);
}

void *lp_form_mempcpy(void *restrict to, const void *restrict from, size_t count)
{
	lp_form_memmove(to, from, count);
	return (char *)to + count;
}

void *lp_form_memset(void *to, int byte, size_t count)
{
	uint64_t word = lp_every_byte(byte);
	char *at = to;

	if (count >= LONG) {
		do {
			size_t piece = count < PIECE ? count : PIECE;

			count -= piece;
			__asm__ volatile("rep stosb"
					 : "+D"(at), "+c"(piece)
					 : "a"(byte)
					 : "memory");
		} while (count);
	} else if (count >= LP_WORD) {
		char *last = at + count - LP_WORD;

		for (; at < last; at += LP_WORD)
			lp_store(at, word);
		lp_store(last, word);
	} else if (count >= 4) {
		*(lp_half *)at = (uint32_t)word;
		*(lp_half *)(at + count - 4) = (uint32_t)word;
	} else if (count) {
		at[0] = at[count / 2] = at[count - 1] = (char)byte;
	}
	return to;
}

/* The difference of the first bytes that differ, in two words of which some do. */
static inline int difference(uint64_t a, uint64_t b)
{
	unsigned int shift = (unsigned int)__builtin_ctzl(a ^ b) & ~7u;

	return (int)(a >> shift & 255) - (int)(b >> shift & 255);
}

int lp_form_memcmp(const void *a, const void *b, size_t count)
{
	const char *left = a, *right = b;

	for (; count >= LP_WORD; count -= LP_WORD) {
		uint64_t x = lp_load(left), y = lp_load(right);

		if (x != y)
			return difference(x, y);
		left += LP_WORD;
		right += LP_WORD;
	}
	for (; count; count--, left++, right++)
		if (*left != *right)
			return (unsigned char)*left - (unsigned char)*right;
	return 0;
}

int lp_form_bcmp(const void *a, const void *b, size_t count)
{
	return lp_form_memcmp(a, b, count);
}

void *lp_form_memchr(const void *from, int byte, size_t count)
{
	const char *at = lp_align(from), *end = (const char *)from + count;
	uint64_t every = lp_every_byte(byte), marks;

	if (!count)
		return NULL;
	if (end < (const char *)from)
		end = (const char *)UINTPTR_MAX; /* callers that know that it is there */
	marks = lp_zeros((lp_load(at) ^ every) | lp_ahead(from));
	while (!marks) {
		at += LP_WORD;
		if (at >= end)
			return NULL;
		marks = lp_zeros(lp_load(at) ^ every);
	}
	at += lp_lowest(marks);
	return at < end ? (void *)at : NULL;
}

/* Bit 7 of each byte of `word` that is zero, and of no other. */
static inline uint64_t exact_zeros(uint64_t word)
{
	return ~(((word & ~LP_HIGHS) + ~LP_HIGHS) | word | ~LP_HIGHS);
}

void *lp_form_memrchr(const void *from, int byte, size_t count)
{
	const char *begin = from, *at;
	uint64_t every = lp_every_byte(byte), marks;

	if (!count)
		return NULL;
	/* The word of the last byte, less what lies behind that. */
	at = lp_align(begin + count - 1);
	marks = exact_zeros(lp_load(at) ^ every);
	marks &= ~(uint64_t)0 >> ((LP_WORD - 1 - (uintptr_t)(begin + count - 1) % LP_WORD) * 8);
	while (!marks) {
		if (at <= begin)
			return NULL;
		at -= LP_WORD;
		marks = exact_zeros(lp_load(at) ^ every);
	}
	at += (63 - __builtin_clzl(marks)) / 8;
	return at >= begin ? (void *)at : NULL;
}

void *lp_form_rawmemchr(const void *from, int byte)
{
	return lp_form_memchr(from, byte, SIZE_MAX);
}

void *lp_form___rawmemchr(const void *from, int byte)
{
	return lp_form_memchr(from, byte, SIZE_MAX);
}

void *lp_form_memccpy(void *restrict to, const void *restrict from, int byte, size_t count)
{
	const char *end = lp_form_memchr(from, byte, count);

	if (end)
		return lp_form_mempcpy(to, from, (size_t)(end - (const char *)from) + 1);
	lp_form_memmove(to, from, count);
	return NULL;
}

void lp_form_bzero(void *to, size_t count)
{
	lp_form_memset(to, 0, count);
}

void lp_form_explicit_bzero(void *to, size_t count)
{
	lp_form_memset(to, 0, count);
}

void lp_form_bcopy(const void *from, void *to, size_t count)
{
	lp_form_memmove(to, from, count);
}

/* -- what _FORTIFY_SOURCE makes of them: `room` is the size of what is written to ---------------
 */

extern void *__memcpy_chk(void *, const void *, size_t, size_t) LP_SOME_LIBRARIES;
extern void *__memmove_chk(void *, const void *, size_t, size_t) LP_SOME_LIBRARIES;
extern void *__mempcpy_chk(void *, const void *, size_t, size_t) LP_SOME_LIBRARIES;
extern void *__memset_chk(void *, int, size_t, size_t) LP_SOME_LIBRARIES;
extern void __explicit_bzero_chk(void *, size_t, size_t) LP_SOME_LIBRARIES;

void *lp_form___memcpy_chk(void *to, const void *from, size_t count, size_t room)
{
	if (UNLIKELY(count > room))
		return __memcpy_chk(to, from, count, room);
	return lp_form_memmove(to, from, count);
}

void *lp_form___memmove_chk(void *to, const void *from, size_t count, size_t room)
{
	if (UNLIKELY(count > room))
		return __memmove_chk(to, from, count, room);
	return lp_form_memmove(to, from, count);
}

void *lp_form___mempcpy_chk(void *to, const void *from, size_t count, size_t room)
{
	if (UNLIKELY(count > room))
		return __mempcpy_chk(to, from, count, room);
	return lp_form_mempcpy(to, from, count);
}

void *lp_form___memset_chk(void *to, int byte, size_t count, size_t room)
{
	if (UNLIKELY(count > room))
		return __memset_chk(to, byte, count, room);
	return lp_form_memset(to, byte, count);
}

void lp_form___explicit_bzero_chk(void *to, size_t count, size_t room)
{
	if (UNLIKELY(count > room))
		__explicit_bzero_chk(to, count, room);
	else
		lp_form_memset(to, 0, count);
}
