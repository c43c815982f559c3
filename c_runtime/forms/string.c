// SPDX-License-Identifier: GPL-2.0
#include "forms.h"

size_t lp_form_strlen(const char *string)
{
	size_t length = 0;

	while (string[length])
		length++;
	return length;
}

int lp_form_strcmp(const char *a, const char *b)
{
	while (*a && *a == *b)
		a++, b++;
	return (unsigned char)*a - (unsigned char)*b;
}

int lp_form_strncmp(const char *a, const char *b, size_t count)
{
	for (; count; count--, a++, b++)
		if (*a != *b || !*a)
			return (unsigned char)*a - (unsigned char)*b;
	return 0;
}

static int lower(unsigned char c)
{
	return c - 'A' < 26u ? c + 32 : c;
}

int lp_form_strncasecmp(const char *a, const char *b, size_t count)
{
	for (; count; count--, a++, b++)
		if (lower(*a) != lower(*b) || !*a)
			return lower(*a) - lower(*b);
	return 0;
}

char *lp_form_strchr(const char *string, int byte)
{
	for (;; string++) {
		if (*string == (char)byte)
			return (char *)string;
		if (!*string)
			return NULL;
	}
}
