// SPDX-License-Identifier: GPL-2.0
/*
 * Reads numbers, four bytes each, and answers each by a line, in any order: a request that leaves
 * Elite finishes in another thread. What a request needs it has by value, or on its own stack.
 */
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

enum { RARE = 7, NUMBERS = 64 };

/* One write is one line, whoever else writes. */
static __attribute__((noinline)) void answer(const char *what, uint32_t number, uint32_t result)
{
	char line[64];
	int length = snprintf(line, sizeof(line), "%s %u: %u\n", what, number, result);

	if (write(1, line, (size_t)length) != length)
		_exit(3);
}

static uint32_t steps(uint32_t number)
{
	uint32_t count = 0;

	for (; number > 1; count++)
		number = number % 2 ? 3 * number + 1 : number / 2;
	return count;
}

/* 0: answered; 1: will be. */
__attribute__((noinline)) long handle(uint32_t number)
{
	uint32_t numbers[NUMBERS];
	uint32_t sum = 0;

	for (uint32_t i = 0; i < NUMBERS; i++)
		numbers[i] = steps(number + i);
	for (uint32_t i = 0; i < NUMBERS; i++)
		sum = sum * 31 + numbers[i];
	if (number % RARE == 0)
		answer("rare", number, sum ^ numbers[number % NUMBERS]);
	else
		answer("usual", number, sum);
	return 0;
}

__attribute__((noinline)) long serve(void)
{
	uint32_t number;
	long later = 0;

	while (read(0, &number, sizeof(number)) == (ssize_t)sizeof(number))
		later += handle(number);
	return later;
}

int main(void)
{
	long later = serve();

	/* At exit, the runtime waits for those. */
	return later < 0;
}
