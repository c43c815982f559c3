// SPDX-License-Identifier: GPL-2.0
/* Memory, by the processor's string instructions: a fault in the middle leaves the counts right. */
#include "forms.h"

void *lp_form_memcpy(void *restrict to, const void *restrict from, size_t count)
{
	void *at = to;

	__asm__ volatile("rep movsb" : "+D"(at), "+S"(from), "+c"(count) : : "memory");
	return to;
}

void *lp_form_mempcpy(void *restrict to, const void *restrict from, size_t count)
{
	return (char *)lp_form_memcpy(to, from, count) + count;
}

void *lp_form_memmove(void *to, const void *from, size_t count)
{
	char *target = to;
	const char *source = from;

	if ((uintptr_t)target - (uintptr_t)source >= count)
		return lp_form_memcpy(to, from, count);
	while (count--)
		target[count] = source[count];
	return to;
}

void *lp_form_memset(void *to, int byte, size_t count)
{
	void *at = to;

	__asm__ volatile("rep stosb" : "+D"(at), "+c"(count) : "a"(byte) : "memory");
	return to;
}

int lp_form_memcmp(const void *a, const void *b, size_t count)
{
	const unsigned char *left = a, *right = b;

	for (; count; count--, left++, right++)
		if (*left != *right)
			return *left - *right;
	return 0;
}

int lp_form_bcmp(const void *a, const void *b, size_t count)
{
	return lp_form_memcmp(a, b, count);
}

void *lp_form_memchr(const void *from, int byte, size_t count)
{
	const unsigned char *at = from;

	for (; count; count--, at++)
		if (*at == (unsigned char)byte)
			return (void *)at;
	return NULL;
}

void *lp_form_memrchr(const void *from, int byte, size_t count)
{
	const unsigned char *at = from;

	while (count--)
		if (at[count] == (unsigned char)byte)
			return (void *)(at + count);
	return NULL;
}
