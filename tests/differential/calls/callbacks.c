// SPDX-License-Identifier: GPL-2.0-only
/* Callbacks from the library into the program, which make requests of their own. */
#include <search.h>

#include "calls.h"

static int nested;

static int by_value(const void *a, const void *b)
{
	int x = *(const int *)a, y = *(const int *)b;

	if (x % 5 == 3)
		nested += request(-x);
	return x < y ? -1 : x > y;
}

static long sum;

static void visit(const void *node, VISIT which, int depth)
{
	if (which == postorder || which == leaf)
		sum = sum * 7 + **(const int *const *)node + depth;
}

PLAIN int through_plain(int n)
{
	return request(-n) + 1;
}

static void nothing(void *node)
{
	(void)node;
}

int request(int n)
{
	int values[12], wanted = 17;
	void *tree = NULL;
	const int *found;

	if (n < 0) /* a request within a request */
		return n % 2 && n < -2 ? through_plain(-n / 2) : -n;
	for (int i = 0; i < 12; i++)
		values[i] = (i * 7 + n) % 19;
	qsort(values, 12, sizeof(values[0]), by_value);
	found = bsearch(&wanted, values, 12, sizeof(values[0]), by_value);
	for (int i = 0; i < 12; i++)
		tsearch(&values[i], &tree, by_value);
	sum = found ? found - values : -1;
	twalk(tree, visit);
	tdestroy(tree, nothing);
	return answer(n, sum + values[3]);
}

static __attribute__((unused)) void at_exit(void)
{
	/* The program's last request, made by the library. */
	printf("at exit: %d\n", request(-6));
	fflush(stdout);
}

int main(void)
{
#ifndef QUEUE /* where the caller of a request that leaves has no answer */
	atexit(at_exit);
#endif
	serve();
	printf("nested: %d\n", nested);
	return 0;
}
