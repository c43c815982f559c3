// SPDX-License-Identifier: GPL-2.0-only
/* Who looks at its callers' frames sees what the Fallback's would be. */
#include <execinfo.h>

#include "calls.h"

static void *symbols[64];

PLAIN int names_of_callers(int n)
{
	int depth = backtrace(symbols, 64), found = 0;
	char **names = backtrace_symbols(symbols, depth);

	for (int i = 0; i < depth; i++)
		found += strstr(names[i], "(outer_frame+") || strstr(names[i], "(inner_frame+");
	free(names);
	return found + n;
}

__attribute__((noinline)) int inner_frame(int n)
{
	return names_of_callers(n) + 1;
}

__attribute__((noinline)) int outer_frame(int n)
{
	return inner_frame(n) * 2;
}

int request(int n)
{
	return answer(n, outer_frame(n));
}

int main(void)
{
	return serve();
}
