// SPDX-License-Identifier: GPL-2.0-only
/* Tail calls: to the library, to functions without a copy, and from those back into requests. */
#include "calls.h"

static int length(const char *text)
{
	return strlen(text);
}

PLAIN int on(int n)
{
	return request(-n);
}

static __attribute__((noinline)) int last(int n)
{
	return n & 1 ? on(n + 2) : abs(n - 9);
}

static int (*volatile pointer)(const char *) = length;
static int (*volatile unknown)(int) = on;

static __attribute__((noinline)) int by_pointer(int n)
{
	return n & 2 ? pointer("text") : unknown(n + 3);
}

int request(int n)
{
	int result;

	if (n < 0)
		return n < -8 ? last(-n / 2) : -n;
	result = last(n);
	result = result * 10 + by_pointer(n);
	return answer(n, result);
}

int main(void)
{
	return serve();
}
