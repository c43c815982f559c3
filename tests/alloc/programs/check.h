/* SPDX-License-Identifier: GPL-2.0-only */
/* What the allocator's test programs share: a check that names its line, and random numbers. */
#ifndef CHECK_H
#define CHECK_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(condition)                                                                           \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			fprintf(stderr, "%s:%d: failed: %s\n", __FILE__, __LINE__, #condition);    \
			exit(1);                                                                   \
		}                                                                                  \
	} while (0)

/* xorshift64* */
static inline uint64_t next_random(uint64_t *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * 0x2545f4914f6cdd1dULL;
}

/* Sizes from 0 to 2^high, each power of two as likely as the other. */
static inline size_t random_size(uint64_t *state, unsigned int high)
{
	uint64_t random = next_random(state);
	unsigned int log2 = (unsigned int)((random >> 40) % high);

	return ((size_t)1 << log2) - 1 + (random & (((size_t)1 << log2) - 1));
}

/* A pattern that tells the block and the place in it: in all of a small block; in a large one at
 * each 509th byte and at the last. */
static inline size_t pattern_step(size_t size)
{
	return size <= 4096 ? 1 : 509;
}

static inline void pattern_fill(unsigned char *block, size_t size, unsigned char tag)
{
	for (size_t place = 0; place < size; place += pattern_step(size))
		block[place] = (unsigned char)(tag + place);
	if (size)
		block[size - 1] = tag;
}

static inline void pattern_check(const unsigned char *block, size_t size, unsigned char tag)
{
	if (!size)
		return;
	CHECK(block[size - 1] == tag);
	for (size_t place = 0; place < size - 1; place += pattern_step(size))
		CHECK(block[place] == (unsigned char)(tag + place));
}

#endif
