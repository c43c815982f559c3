// SPDX-License-Identifier: GPL-2.0-only
/* String functions: the same results as the library's, which may read no further. */
#include <ctype.h>
#include <locale.h>
#include <strings.h>

#include "check.h"

enum { ROUNDS = 20000 };

extern char *__strcpy_chk(char *, const char *, size_t);
extern char *__stpcpy_chk(char *, const char *, size_t);
extern char *__strncpy_chk(char *, const char *, size_t, size_t);
extern char *__strcat_chk(char *, const char *, size_t);
extern char *__stpncpy_chk(char *, const char *, size_t, size_t);
extern char *__strncat_chk(char *, const char *, size_t, size_t);

extern size_t lp_form_strlen(const char *);
extern size_t lp_form_strnlen(const char *, size_t);
extern char *lp_form_strchr(const char *, int);
extern char *lp_form_strrchr(const char *, int);
extern char *lp_form_strchrnul(const char *, int);
extern char *lp_form_strstr(const char *, const char *);
extern __typeof__(strcmp) lp_form_strcmp, lp_form_strcasecmp;
extern __typeof__(strncmp) lp_form_strncmp, lp_form_strncasecmp;
extern __typeof__(strcpy) lp_form_strcpy, lp_form_stpcpy, lp_form_strcat;
extern __typeof__(strncpy) lp_form_strncpy;
extern __typeof__(strspn) lp_form_strspn, lp_form_strcspn;
extern __typeof__(__strcpy_chk) lp_form___strcpy_chk, lp_form___stpcpy_chk, lp_form___strcat_chk;
extern __typeof__(__strncpy_chk) lp_form___strncpy_chk;
extern char *lp_form_strpbrk(const char *, const char *);
extern char *lp_form_strcasestr(const char *, const char *);
extern char *lp_form_index(const char *, int), *lp_form_rindex(const char *, int);
extern __typeof__(strdup) lp_form_strdup;
extern __typeof__(strndup) lp_form_strndup;
extern __typeof__(strsep) lp_form_strsep;
extern __typeof__(strtok_r) lp_form_strtok_r;
extern __typeof__(strncat) lp_form_strncat, lp_form_stpncpy;
extern __typeof__(__strncat_chk) lp_form___strncat_chk, lp_form___stpncpy_chk;
extern __typeof__(tolower) lp_form_tolower, lp_form_toupper;
extern __typeof__(tolower) lp_form_isalnum, lp_form_isalpha, lp_form_isblank, lp_form_iscntrl,
    lp_form_isdigit, lp_form_isgraph, lp_form_islower, lp_form_isprint, lp_form_ispunct,
    lp_form_isspace, lp_form_isupper, lp_form_isxdigit;
extern __typeof__(__ctype_b_loc) lp_form___ctype_b_loc;
extern __typeof__(__ctype_tolower_loc) lp_form___ctype_tolower_loc, lp_form___ctype_toupper_loc;

/* A string of few letters, or of any bytes, in both arenas; where it is. */
static size_t some_string(void)
{
	size_t length = some_length(2 * PAGE), at = some_place(length + 1);
	unsigned int kinds = below(3) ? 1 + (unsigned int)below(3) : 255;

	for (size_t i = 0; i < length; i++)
		ours[at + i] = kinds == 255 ? (char)(1 + below(255)) : "aAb"[below(kinds)];
	ours[at + length] = 0;
	memcpy(theirs + at, ours + at, length + 1);
	return at;
}

static void lengths(size_t at)
{
	size_t most = below(3) ? some_length(ARENA) : SIZE_MAX - below(2);
	int byte = below(3) ? "aAbc"[below(4)] : (int)any();

	CHECK(lp_form_strlen(ours + at) == strlen(theirs + at));
	CHECK(lp_form_strnlen(ours + at, most) == strnlen(theirs + at, most));
	CHECK_SAME_PLACE(lp_form_strchr(ours + at, byte), strchr(theirs + at, byte));
	CHECK_SAME_PLACE(lp_form_strrchr(ours + at, byte), strrchr(theirs + at, byte));
	CHECK_SAME_PLACE(lp_form_strchrnul(ours + at, byte), strchrnul(theirs + at, byte));
	CHECK_SAME_PLACE(lp_form_strchr(ours + at, 0), strchr(theirs + at, 0));
	CHECK_SAME_PLACE(lp_form_strrchr(ours + at, 0), strrchr(theirs + at, 0));
	CHECK_SAME_PLACE(lp_form_index(ours + at, byte), strchr(theirs + at, byte));
	CHECK_SAME_PLACE(lp_form_rindex(ours + at, byte), strrchr(theirs + at, byte));
}

/* A second string, that begins like the first. */
static size_t similar(size_t at)
{
	size_t length = strlen(ours + at), to, size = length + 1;
	char *copy = malloc(size);

	CHECK(copy != NULL);
	memcpy(copy, ours + at, size);
	if (length && below(3))
		copy[below(length)] = below(2) ? (char)toupper(copy[below(length)]) : (char)any();
	length = strlen(copy);
	to = some_place(length + 1);
	memmove(ours + to, copy, length + 1);
	memcpy(theirs, ours, ARENA);
	free(copy);
	return to;
}

static void comparisons(size_t a, size_t b)
{
	size_t most = some_length(ARENA);

	CHECK_SAME_SIGN(lp_form_strcmp(ours + a, ours + b), strcmp(theirs + a, theirs + b));
	CHECK_SAME_SIGN(lp_form_strncmp(ours + a, ours + b, most),
			strncmp(theirs + a, theirs + b, most));
	CHECK_SAME_SIGN(lp_form_strcasecmp(ours + a, ours + b), strcasecmp(theirs + a, theirs + b));
	CHECK_SAME_SIGN(lp_form_strncasecmp(ours + a, ours + b, most),
			strncasecmp(theirs + a, theirs + b, most));
}

static void sets(size_t at)
{
	static const char *const some[] = {"", "a", "b", "aA", "Ab", "abA", "\xff\x80 xyz"};
	const char *set = some[below(7)];

	CHECK(lp_form_strspn(ours + at, set) == strspn(theirs + at, set));
	CHECK(lp_form_strcspn(ours + at, set) == strcspn(theirs + at, set));
	CHECK_SAME_PLACE(lp_form_strpbrk(ours + at, set), strpbrk(theirs + at, set));
}

/* Each token of a string, which becomes many strings; and once more behind its end. */
static void tokens(size_t at)
{
	static const char *const some[] = {"", "a", "bA", "xyz"};
	char *a = ours + at, *b = theirs + at, *rest_a = NULL, *rest_b = NULL, *first_a, *first_b;
	bool is_strsep = below(2);
	size_t length = strlen(a);

	first_a = a;
	first_b = b;
	for (size_t i = 0; i < length + 3; i++) {
		const char *set = some[below(4)];
		char *in_ours, *in_theirs;

		if (is_strsep) {
			in_ours = lp_form_strsep(&a, set);
			in_theirs = strsep(&b, set);
			CHECK_SAME_PLACE(a, b);
		} else {
			in_ours = lp_form_strtok_r(first_a, set, &rest_a);
			in_theirs = strtok_r(first_b, set, &rest_b);
			first_a = first_b = NULL;
			CHECK_SAME_PLACE(rest_a, rest_b);
		}
		CHECK_SAME_PLACE(in_ours, in_theirs);
		if (!in_ours)
			break;
	}
	check_arenas();
}

static void duplicates(size_t at)
{
	size_t most = below(2) ? some_length(ARENA) : SIZE_MAX;
	char *whole = lp_form_strdup(ours + at), *part = lp_form_strndup(ours + at, most);
	char *same = strndup(theirs + at, most);

	CHECK(whole && part && same);
	CHECK(!strcmp(whole, theirs + at) && !strcmp(part, same));
	free(whole);
	free(part);
	free(same);
}

/* What is looked for is often there, or nearly. */
static void substrings(size_t at)
{
	size_t length = strlen(ours + at), part = below(length + 1);
	size_t size = below(length - part < 40 ? length - part + 1 : 40);
	char wanted[64];

	memcpy(wanted, ours + at + part, size);
	wanted[size] = 0;
	if (size && !below(3))
		wanted[size - 1] = 'b';
	CHECK_SAME_PLACE(lp_form_strstr(ours + at, wanted), strstr(theirs + at, wanted));
	if (size)
		wanted[below(size)] ^= 32;
	if (strlen(wanted) == size)
		CHECK_SAME_PLACE(lp_form_strcasestr(ours + at, wanted),
				 strcasestr(theirs + at, wanted));
}

static void copies(size_t from)
{
	size_t length = strlen(ours + from), count = some_length(PAGE), to;
	size_t room = (length + 1 > count ? length + 1 : count) + 1;
	char *source = strdup(ours + from);

	CHECK(source != NULL);
	to = some_place(room);
	switch (below(12)) {
	case 8:
		CHECK_SAME_PLACE(lp_form_stpncpy(ours + to, source, count),
				 stpncpy(theirs + to, source, count));
		break;
	case 9:
		CHECK_SAME_PLACE(lp_form___stpncpy_chk(ours + to, source, count, room),
				 __stpncpy_chk(theirs + to, source, count, room));
		break;
	case 10:
		ours[to] = theirs[to] = 0;
		CHECK_SAME_PLACE(lp_form_strncat(ours + to, source, count),
				 strncat(theirs + to, source, count));
		break;
	case 11:
		ours[to] = theirs[to] = 0;
		CHECK_SAME_PLACE(lp_form___strncat_chk(ours + to, source, count, room),
				 __strncat_chk(theirs + to, source, count, room));
		break;
	case 0:
		CHECK_SAME_PLACE(lp_form_strcpy(ours + to, source), strcpy(theirs + to, source));
		break;
	case 1:
		CHECK_SAME_PLACE(lp_form_stpcpy(ours + to, source), stpcpy(theirs + to, source));
		break;
	case 2:
		CHECK_SAME_PLACE(lp_form_strncpy(ours + to, source, count),
				 strncpy(theirs + to, source, count));
		break;
	case 3:
		ours[to] = theirs[to] = 'x';
		ours[to + 1] = theirs[to + 1] = 0;
		CHECK_SAME_PLACE(lp_form_strcat(ours + to, source), strcat(theirs + to, source));
		break;
	case 4:
		CHECK_SAME_PLACE(lp_form___strcpy_chk(ours + to, source, room),
				 __strcpy_chk(theirs + to, source, room));
		break;
	case 5:
		CHECK_SAME_PLACE(lp_form___stpcpy_chk(ours + to, source, room),
				 __stpcpy_chk(theirs + to, source, room));
		break;
	case 6:
		CHECK_SAME_PLACE(lp_form___strncpy_chk(ours + to, source, count, room),
				 __strncpy_chk(theirs + to, source, count, room));
		break;
	case 7:
		ours[to] = theirs[to] = 0;
		CHECK_SAME_PLACE(lp_form___strcat_chk(ours + to, source, room),
				 __strcat_chk(theirs + to, source, room));
		break;
	}
	free(source);
	check_arenas();
}

/* `room` at the edge: what the library takes, and what it aborts at. */
static void overflows(void)
{
	for (size_t room = 0; room < 12; room++) {
		strcpy(ours, "abcd");
		strcpy(theirs, "abcd");
		CHECK(ENDS(lp_form___strcpy_chk(ours, "12345678", room)) ==
		      ENDS(__strcpy_chk(theirs, "12345678", room)));
		CHECK(ENDS(lp_form___stpcpy_chk(ours, "12345678", room)) ==
		      ENDS(__stpcpy_chk(theirs, "12345678", room)));
		CHECK(ENDS(lp_form___strncpy_chk(ours, "12345678", 5, room)) ==
		      ENDS(__strncpy_chk(theirs, "12345678", 5, room)));
		CHECK(ENDS(lp_form___strcat_chk(ours, "1234", room)) ==
		      ENDS(__strcat_chk(theirs, "1234", room)));
		CHECK(ENDS(lp_form___strncat_chk(ours, "1234", 3, room)) ==
		      ENDS(__strncat_chk(theirs, "1234", 3, room)));
		CHECK(ENDS(lp_form___stpncpy_chk(ours, "12345678", 5, room)) ==
		      ENDS(__stpncpy_chk(theirs, "12345678", 5, room)));
	}
}

/* A text and a word for which the plain search would take the square of their length. */
static void bad_substrings(void)
{
	memset(ours, 'a', ARENA - 1);
	ours[ARENA - 1] = 0;
	memcpy(theirs, ours, ARENA);
	for (size_t size = 1; size < 4000; size += 333) {
		char *wanted = calloc(1, size + 2);

		CHECK(wanted != NULL);
		memset(wanted, 'a', size);
		CHECK_SAME_PLACE(lp_form_strstr(ours, wanted), strstr(theirs, wanted));
		CHECK_SAME_PLACE(lp_form_strcasestr(ours, wanted), strcasestr(theirs, wanted));
		wanted[size] = 'b';
		CHECK_SAME_PLACE(lp_form_strstr(ours, wanted), strstr(theirs, wanted));
		CHECK_SAME_PLACE(lp_form_strcasestr(ours, wanted), strcasestr(theirs, wanted));
		free(wanted);
	}
}

static void characters(void)
{
	CHECK(lp_form___ctype_b_loc() == __ctype_b_loc());
	CHECK(lp_form___ctype_tolower_loc() == __ctype_tolower_loc());
	CHECK(lp_form___ctype_toupper_loc() == __ctype_toupper_loc());
	for (int c = -128; c < 256; c++) {
#define SAME_CLASS(name) CHECK(lp_form_##name(c) == (name)(c))
		SAME_CLASS(isalnum);
		SAME_CLASS(isalpha);
		SAME_CLASS(isblank);
		SAME_CLASS(iscntrl);
		SAME_CLASS(isdigit);
		SAME_CLASS(isgraph);
		SAME_CLASS(islower);
		SAME_CLASS(isprint);
		SAME_CLASS(ispunct);
		SAME_CLASS(isspace);
		SAME_CLASS(isupper);
		SAME_CLASS(isxdigit);
	}
	for (int c = -1000; c < 1000; c++) {
		CHECK(lp_form_tolower(c) == tolower(c));
		CHECK(lp_form_toupper(c) == toupper(c));
	}
}

/* All short lengths at the end of a page, and at its start. */
static void edges(void)
{
	for (size_t length = 0; length < 70; length++) {
		char *end = ours + ARENA - 1 - length;

		memset(end, 'x', length);
		end[length] = 0;
		CHECK(lp_form_strlen(end) == length);
		CHECK(lp_form_strnlen(end + 1, length) == (length ? length - 1 : 0) || !length);
		CHECK(lp_form_strchr(end, 'y') == NULL);
		CHECK(lp_form_strrchr(end, 'x') == (length ? end + length - 1 : NULL));
		CHECK(lp_form_strcspn(end, "y") == length);
		memcpy(ours, end, length + 1);
		CHECK(lp_form_strcmp(end, ours) == 0);
		CHECK(lp_form_strcasecmp(ours, end) == 0);
		CHECK(lp_form_strncmp(ours, end, length + 9) == 0);
	}
}

int main(int argc, char **argv)
{
	begin(argc, argv);
	edges();
	overflows();
	bad_substrings();
	characters();
	for (int round = 0; round < ROUNDS; round++) {
		size_t at;

		if (round % 64 == 0)
			fill_arenas(256);
		at = some_string();
		memcpy(theirs, ours, ARENA);
		lengths(at);
		sets(at);
		substrings(at);
		duplicates(at);
		comparisons(at, similar(at));
		if (round % 8 == 0)
			tokens(at);
		/* It may have written over the string's end. */
		ours[ARENA - 1] = theirs[ARENA - 1] = 0;
		copies(at);
	}
	CHECK(setlocale(LC_ALL, "C.UTF-8") != NULL);
	characters();
	return 0;
}
