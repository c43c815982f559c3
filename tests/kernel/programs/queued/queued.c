// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reads numbers, four characters each, and answers each by a line, in any order: a request that
 * leaves Elite finishes in another thread. What a request needs it has by value, or on its own
 * stack.
 */
#include <stdint.h>
#include <unistd.h>

enum { RARE = 7, NUMBERS = 16, LINE = 32 };

/* One write is one line, whoever else writes. */
static __attribute__((noinline)) void answer(char what, uint32_t number, uint32_t result)
{
	char line[LINE], *at = line + sizeof(line);

	*--at = '\n';
	do
		*--at = (char)('0' + result % 10);
	while (result /= 10);
	*--at = ' ';
	do
		*--at = (char)('0' + number % 10);
	while (number /= 10);
	*--at = what;
	if (write(1, at, (size_t)(line + sizeof(line) - at)) < 0)
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
	if (number % RARE == 0) {
		/* So long that the ring fills behind it. */
		usleep(2000);
		answer('r', number, sum ^ numbers[number % NUMBERS]);
	} else {
		answer('u', number, sum);
	}
	return 0;
}

__attribute__((noinline)) long serve(void)
{
	uint32_t number;
	long later = 0;

	while (read(0, &number, sizeof(number)) == (ssize_t)sizeof(number))
		later += handle(number % 10007);
	return later;
}

int main(void)
{
	long later = serve();

	/* At exit, the runtime waits for those. */
	return later < 0;
}
