// SPDX-License-Identifier: GPL-2.0-only
/* Jumps past callers: to a place in Elite whose frame may have left since, past Elite frames from a
 * function without a copy, and past the request itself, many times. */
#include <setjmp.h>

#include "calls.h"

static jmp_buf inner, outer, plain_place;
static int turns;

PLAIN void die(int n)
{
	if (n % 3 == 0)
		longjmp(outer, n + 1);
	if (n % 3 == 1)
		longjmp(inner, n + 1);
}

static __attribute__((noinline)) int work(int n, int depth)
{
	char frame[16 * (1 + (depth & 3))];

	memset(frame, n, sizeof(frame));
	if (depth == 0) {
		die(n);
		return frame[0];
	}
	return work(n, depth - 1) + frame[1];
}

static __attribute__((noinline)) int sheltered(int n)
{
	volatile int before = n * 2;
	int came = setjmp(inner);

	if (came)
		return came * 1000 + before;
	return work(n, 4);
}

PLAIN int shelter_in_plain(int n)
{
	int came = setjmp(plain_place);

	if (came)
		return came;
	memcpy(inner, plain_place, sizeof(inner));
	return work(n, 3) + 1;
}

int request(int n)
{
	int result = sheltered(n);

	result += shelter_in_plain(n + 3 - n % 3 + 1);
	turns++;
	return answer(n % REQUESTS, result);
}

static int serve_one(volatile int n)
{
	int came = setjmp(outer);

	if (came) {
		answers[n % REQUESTS] = -came;
		return came;
	}
	return request(n);
}

/* The same from another place of the stack. */
static __attribute__((noinline)) int deeper(int n, int depth)
{
	volatile char frame[64];

	frame[0] = n;
	return depth ? deeper(n, depth - 1) + frame[0] - n : serve_one(n);
}

int main(int count, char **words)
{
	long many = count > 1 ? atol(words[1]) : 300;

	for (long n = 0; n < many; n++)
		deeper(n % 600, n % 5);
	for (int n = 0; n < REQUESTS; n++)
		printf("%d: %ld\n", n, answers[n]);
	printf("turns: %d\n", turns);
	return 0;
}
