// SPDX-License-Identifier: GPL-2.0-only
/*
 * The heap at the ends of a program's and of a thread's life: in constructors ahead of all others,
 * in destructors, in destructors of thread-specific data, whichever runs after the heap's own.
 */
#include <pthread.h>
#include <unistd.h>

#include "check.h"

enum { KEYS = 8 };

static pthread_key_t keys[KEYS];
static unsigned char *kept;
static int destroyed;

__attribute__((constructor(101))) static void first(void)
{
	kept = malloc(1000);
	CHECK(kept);
	pattern_fill(kept, 1000, 5);
	free(calloc(3, 70000));
}

__attribute__((destructor(101))) static void last(void)
{
	static const char done[] = "done\n";
	unsigned char *block = malloc(100);

	CHECK(block);
	free(block);
	pattern_check(kept, 1000, 5);
	free(kept);
	CHECK(write(1, done, sizeof(done) - 1) == sizeof(done) - 1);
}

/* Called until the value stays NULL, four times at most; allocates for the next call. */
static void destroy(void *value)
{
	pattern_check(value, 200, 9);
	free(value);
	value = malloc(200);
	CHECK(value);
	pattern_fill(value, 200, 9);
	if (++destroyed % 3)
		CHECK(!pthread_setspecific(keys[destroyed % KEYS], value));
	else
		free(value);
}

static void *run(void *argument)
{
	(void)argument;
	for (int n = 0; n < KEYS; n++) {
		void *value = malloc(200);

		CHECK(value);
		pattern_fill(value, 200, 9);
		CHECK(!pthread_setspecific(keys[n], value));
	}
	return NULL;
}

int main(void)
{
	for (int n = 0; n < KEYS; n++)
		CHECK(!pthread_key_create(&keys[n], destroy));
	for (int n = 0; n < 50; n++) {
		pthread_t thread;

		CHECK(!pthread_create(&thread, NULL, run, NULL));
		CHECK(!pthread_join(thread, NULL));
	}
	CHECK(destroyed >= 50 * KEYS);
	pattern_check(kept, 1000, 5);
	return 0;
}
