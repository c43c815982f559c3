// SPDX-License-Identifier: GPL-2.0-only
/* Memory functions: the same bytes and results as the library's. */
#include <strings.h>

#include "check.h"

enum { ROUNDS = 20000 };

extern void *__memcpy_chk(void *, const void *, size_t, size_t);
extern void *__memmove_chk(void *, const void *, size_t, size_t);
extern void *__mempcpy_chk(void *, const void *, size_t, size_t);
extern void *__memset_chk(void *, int, size_t, size_t);
extern void __explicit_bzero_chk(void *, size_t, size_t);

extern __typeof__(memcpy) lp_form_memcpy, lp_form_memmove, lp_form_mempcpy;
extern __typeof__(memset) lp_form_memset;
extern __typeof__(memcmp) lp_form_memcmp, lp_form_bcmp;
extern __typeof__(__memcpy_chk) lp_form___memcpy_chk, lp_form___memmove_chk, lp_form___mempcpy_chk;
extern __typeof__(__memset_chk) lp_form___memset_chk;
extern __typeof__(bzero) lp_form_bzero, lp_form_explicit_bzero;
extern __typeof__(bcopy) lp_form_bcopy;
extern __typeof__(memccpy) lp_form_memccpy;
extern __typeof__(__explicit_bzero_chk) lp_form___explicit_bzero_chk;
extern __typeof__(memmem) lp_form_memmem;
extern void *lp_form_memchr(const void *, int, size_t);
extern void *lp_form_memrchr(const void *, int, size_t);
extern void *lp_form_rawmemchr(const void *, int);
extern void *lp_form___rawmemchr(const void *, int);

static void copies(void)
{
	size_t size = some_length(ARENA), to = some_place(size), from = some_place(size);
	size_t room = size + below(3);

	if (!below(3)) /* overlapping */
		from = to + size / 2 <= ARENA - size ? to + below(size / 2 + 1) : to;
	switch (below(8)) {
	case 6:
		lp_form_bcopy(ours + from, ours + to, size);
		bcopy(theirs + from, theirs + to, size);
		break;
	case 7:
		if (size && (from + size <= to || to + size <= from)) {
			int byte = ours[from + below(size)];

			CHECK_SAME_PLACE(lp_form_memccpy(ours + to, ours + from, byte, size),
					 memccpy(theirs + to, theirs + from, byte, size));
		}
		break;
	case 0: /* the library's is its memmove (docs/kernel.md) */
		CHECK_SAME_PLACE(lp_form_memcpy(ours + to, ours + from, size),
				 memmove(theirs + to, theirs + from, size));
		break;
	case 1:
		CHECK_SAME_PLACE(lp_form_memmove(ours + to, ours + from, size),
				 memmove(theirs + to, theirs + from, size));
		break;
	case 2:
		CHECK_SAME_PLACE(lp_form_mempcpy(ours + to, ours + from, size),
				 (char *)memmove(theirs + to, theirs + from, size) + size);
		break;
	case 3:
		CHECK_SAME_PLACE(lp_form___memcpy_chk(ours + to, ours + from, size, room),
				 memmove(theirs + to, theirs + from, size));
		break;
	case 4:
		CHECK_SAME_PLACE(lp_form___memmove_chk(ours + to, ours + from, size, room),
				 __memmove_chk(theirs + to, theirs + from, size, room));
		break;
	case 5:
		CHECK_SAME_PLACE(lp_form___mempcpy_chk(ours + to, ours + from, size, room),
				 (char *)memmove(theirs + to, theirs + from, size) + size);
		break;
	}
	check_arenas();
}

static void fills(void)
{
	size_t size = some_length(ARENA), at = some_place(size);
	int byte = (int)any();

	switch (below(5)) {
	case 0:
		CHECK_SAME_PLACE(lp_form_memset(ours + at, byte, size),
				 memset(theirs + at, byte, size));
		break;
	case 1:
		CHECK_SAME_PLACE(lp_form___memset_chk(ours + at, byte, size, size),
				 __memset_chk(theirs + at, byte, size, size));
		break;
	case 2:
		lp_form_bzero(ours + at, size);
		bzero(theirs + at, size);
		break;
	case 3:
		lp_form_explicit_bzero(ours + at, size);
		explicit_bzero(theirs + at, size);
		break;
	case 4:
		lp_form___explicit_bzero_chk(ours + at, size, size);
		__explicit_bzero_chk(theirs + at, size, size);
		break;
	}
	check_arenas();
}

static void comparisons(void)
{
	size_t size = some_length(ARENA), a = some_place(size), b = some_place(size);

	/* Equal but for a byte at most. */
	memmove(ours + b, ours + a, size);
	if (size && below(4)) {
		ours[b + below(size)] ^= (char)any();
		ours[b + below(size)] ^= (char)any();
	}
	memcpy(theirs, ours, ARENA);
	CHECK_SAME_SIGN(lp_form_memcmp(ours + a, ours + b, size),
			memcmp(theirs + a, theirs + b, size));
	/* Of this one not even the sign. */
	CHECK(!lp_form_bcmp(ours + a, ours + b, size) == !memcmp(theirs + a, theirs + b, size));
}

static void searches(void)
{
	size_t size = some_length(ARENA), at = some_place(size);
	int byte = below(4) ? 'a' + (int)below(4) : (int)any();

	CHECK_SAME_PLACE(lp_form_memchr(ours + at, byte, size), memchr(theirs + at, byte, size));
	CHECK_SAME_PLACE(lp_form_memrchr(ours + at, byte, size), memrchr(theirs + at, byte, size));
	if (memchr(theirs + at, byte, ARENA - at)) {
		CHECK_SAME_PLACE(lp_form_rawmemchr(ours + at, byte), rawmemchr(theirs + at, byte));
		CHECK_SAME_PLACE(lp_form___rawmemchr(ours + at, byte),
				 rawmemchr(theirs + at, byte));
		/* Callers that know that it is there say any length. */
		CHECK_SAME_PLACE(lp_form_memchr(ours + at, byte, SIZE_MAX),
				 rawmemchr(theirs + at, byte));
	}
}

/* What is looked for is often there, or nearly. */
static void sequences(void)
{
	size_t size = some_length(ARENA), at = some_place(size), count = below(below(4) ? 6 : 300);
	size_t part = below(size);
	char wanted[300];

	if (part + count > ARENA - at)
		count = 0;
	memcpy(wanted, ours + at + part, count);
	if (count && !below(3))
		wanted[below(count)]++;
	CHECK_SAME_PLACE(lp_form_memmem(ours + at, size, wanted, count),
			 memmem(theirs + at, size, wanted, count));
}

static void overflows(void)
{
	int status = ENDS(__memset_chk(theirs, 0, 9, 8));

	CHECK(WIFSIGNALED(status));
	CHECK(ENDS(lp_form___memset_chk(ours, 0, 9, 8)) == status);
	CHECK(ENDS(lp_form___explicit_bzero_chk(ours, 9, 8)) == status);
	CHECK(ENDS(lp_form___memcpy_chk(ours, ours + 99, 9, 8)) == status);
	CHECK(ENDS(lp_form___memmove_chk(ours, ours + 99, 9, 8)) == status);
	CHECK(ENDS(lp_form___mempcpy_chk(ours, ours + 99, 9, 8)) == status);
}

/* All short lengths, at both ends of a page. */
static void edges(void)
{
	for (size_t size = 0; size <= 300; size++) {
		char *end = ours + ARENA - size, *their_end = theirs + ARENA - size;

		fill_arenas(256);
		lp_form_memcpy(end, ours, size);
		memcpy(their_end, theirs, size);
		check_arenas();
		CHECK(lp_form_memcmp(end, ours, size) == 0);
		lp_form_memset(end, 7, size);
		memset(their_end, 7, size);
		check_arenas();
		CHECK(lp_form_memchr(end, 8, size) == NULL);
		CHECK(lp_form_memrchr(ours, 0x100, 0) == NULL);
		lp_form_memset(ours, 7, size);
		CHECK(lp_form_memrchr(ours, 8, size) == NULL);
	}
}

int main(int argc, char **argv)
{
	begin(argc, argv);
	edges();
	overflows();
	for (int round = 0; round < ROUNDS; round++) {
		if (round % 64 == 0)
			fill_arenas(1 + (unsigned int)below(5) * 64);
		copies();
		if (round % 4 == 0)
			fills();
		if (round % 4 == 1)
			comparisons();
		searches();
		sequences();
	}
	return 0;
}
