// SPDX-License-Identifier: GPL-2.0-only WITH GCC-exception-2.0
/* Classes of characters, by the tables of the thread's locale. */
#include <ctype.h>

#include "forms.h"

extern const unsigned short **__ctype_b_loc(void) LP_SOME_LIBRARIES;
extern const int32_t **__ctype_tolower_loc(void) LP_SOME_LIBRARIES;
extern const int32_t **__ctype_toupper_loc(void) LP_SOME_LIBRARIES;

const unsigned short **lp_form___ctype_b_loc(void)
{
	const unsigned short **known = lp_form_thread.ctype_b;

	return LIKELY(known != NULL) ? known : __ctype_b_loc();
}

const int32_t **lp_form___ctype_tolower_loc(void)
{
	const int32_t **known = lp_form_thread.ctype_tolower;

	return LIKELY(known != NULL) ? known : __ctype_tolower_loc();
}

const int32_t **lp_form___ctype_toupper_loc(void)
{
	const int32_t **known = lp_form_thread.ctype_toupper;

	return LIKELY(known != NULL) ? known : __ctype_toupper_loc();
}

/* The tables begin at -128. */
static inline bool in_table(int c)
{
	return c >= -128 && c < 256;
}

int lp_form_tolower(int c)
{
	const int32_t **known = lp_form_thread.ctype_tolower;

	if (UNLIKELY(!known))
		return tolower(c);
	return in_table(c) ? (*known)[c] : c;
}

int lp_form_toupper(int c)
{
	const int32_t **known = lp_form_thread.ctype_toupper;

	if (UNLIKELY(!known))
		return toupper(c);
	return in_table(c) ? (*known)[c] : c;
}

/* A function that says whether a character is of a class; what it says otherwise is its bit. */
#define CLASS(type, name, bit)                                                                     \
	type lp_form_##name(int c)                                                                 \
	{                                                                                          \
		const unsigned short **known = lp_form_thread.ctype_b;                             \
                                                                                                   \
		if (UNLIKELY(!known || !in_table(c)))                                              \
			return (name)(c);                                                          \
		return (*known)[c] & (unsigned short)(bit);                                        \
	}

CLASS(int, isalnum, _ISalnum)
CLASS(int, isalpha, _ISalpha)
CLASS(int, isblank, _ISblank)
CLASS(int, iscntrl, _IScntrl)
CLASS(int, isdigit, _ISdigit)
CLASS(int, isgraph, _ISgraph)
CLASS(int, islower, _ISlower)
CLASS(int, isprint, _ISprint)
CLASS(int, ispunct, _ISpunct)
CLASS(int, isspace, _ISspace)
CLASS(int, isupper, _ISupper)
CLASS(int, isxdigit, _ISxdigit)
