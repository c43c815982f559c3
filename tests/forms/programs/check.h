/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the tests of forms share: a check that names its line, random numbers, and arenas, which are
 * the same memory twice, once for the library's function and once for the form.
 *
 * An arena's pages lie between two that can't be touched: an access beyond an operand that lies at
 * their end, or before one at their start, is a fault.
 */
#ifndef CHECK_H
#define CHECK_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "forms/thread.h"

#define CHECK(condition)                                                                           \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			fprintf(stderr, "%s:%d: failed: %s\n", __FILE__, __LINE__, #condition);    \
			exit(1);                                                                   \
		}                                                                                  \
	} while (0)

enum { PAGE = 4096, ARENA = 8 * PAGE };

/* xorshift64* */
static uint64_t random_state = 88172645463325252u;

static inline uint64_t any(void)
{
	random_state ^= random_state >> 12;
	random_state ^= random_state << 25;
	random_state ^= random_state >> 27;
	return random_state * 0x2545f4914f6cdd1dULL;
}

static inline size_t below(size_t limit)
{
	return limit ? any() % limit : 0;
}

/* A length: mostly short, sometimes near a power of two, at times pages long. */
static inline size_t some_length(size_t most)
{
	size_t length;

	switch (below(8)) {
	case 0:
		length = below(4);
		break;
	case 1:
	case 2:
	case 3:
		length = below(40);
		break;
	case 4:
	case 5:
		length = ((size_t)8 << below(8)) + below(5) - 2;
		break;
	case 6:
		length = below(700);
		break;
	default:
		length = below(3 * PAGE);
	}
	return length < most ? length : most;
}

/* Where an operand of `size` bytes begins: often at the arena's very end, or start. */
static inline size_t some_place(size_t size)
{
	size_t room = ARENA - size;

	switch (below(6)) {
	case 0:
	case 1:
		return room;
	case 2:
		return 0;
	case 3: /* the end of a page within */
		return room >= 2 * PAGE ? below(room / PAGE) * PAGE + below(64) : below(room);
	default:
		return below(room + 1);
	}
}

static inline char *arena(void)
{
	char *map = mmap(NULL, ARENA + 2 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(map != MAP_FAILED);
	CHECK(mprotect(map + PAGE, ARENA, PROT_READ | PROT_WRITE) == 0);
	return map + PAGE;
}

/* The two, one for each side. */
static char *ours, *theirs;

static inline void make_arenas(void)
{
	ours = arena();
	theirs = arena();
}

/* New bytes in both, of 1 to `kinds` values: few values make long equal stretches. */
static inline void fill_arenas(unsigned int kinds)
{
	for (size_t i = 0; i < ARENA; i++)
		ours[i] = (char)(kinds >= 256 ? any() >> 32 : 'a' + below(kinds));
	memcpy(theirs, ours, ARENA);
}

static inline void check_arenas(void)
{
	CHECK(memcmp(ours, theirs, ARENA) == 0);
}

/* Pointers into the two arenas stand for each other. */
#define CHECK_SAME_PLACE(in_ours, in_theirs)                                                       \
	do {                                                                                       \
		const char *a_ = (in_ours), *b_ = (in_theirs);                                     \
                                                                                                   \
		CHECK((a_ == NULL) == (b_ == NULL));                                               \
		CHECK(!a_ || a_ - ours == b_ - theirs);                                            \
	} while (0)

/* All that is promised of a comparison: the value is one of the library's variants' own. */
static inline int sign(int value)
{
	return (value > 0) - (value < 0);
}

#define CHECK_SAME_SIGN(form, library) CHECK(sign(form) == sign(library))

/* How a child ends that runs the statement. */
#define ENDS(statement)                                                                            \
	({                                                                                         \
		int status_;                                                                       \
		pid_t child_ = fork();                                                             \
                                                                                                   \
		if (!child_) {                                                                     \
			CHECK(freopen("/dev/null", "w", stderr) != NULL);                          \
			statement;                                                                 \
			_exit(0);                                                                  \
		}                                                                                  \
		CHECK(waitpid(child_, &status_, 0) == child_);                                     \
		status_;                                                                           \
	})

/* Forms of a thread that has told of itself, or that has not: then the library does much. */
static inline void begin(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "attached")) {
		lp_forms_start();
		lp_forms_attach();
		CHECK(lp_form_library.mutexes);
		CHECK(lp_form_library.spin_locks);
	}
	make_arenas();
}

#endif
