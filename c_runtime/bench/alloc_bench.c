// SPDX-License-Identifier: GPL-2.0-only WITH GCC-exception-2.0
/*
 * What malloc and free cost, by mix and number of threads: linked once with libc's and once with
 * ours (see `make bench`), in the same minute on the same machine. Prints one JSON object:
 * {"mix/threads": nanoseconds per operation, the median of some repetitions, …}; an operation is
 * one malloc and one free.
 */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { WORKING_SET = 2048, REPETITIONS = 5, HANDED_OVER = 256 };

/* xorshift64* (Vigna, An experimental exploration of Marsaglia's xorshift generators). */
static uint64_t next_random(uint64_t *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * 0x2545f4914f6cdd1dULL;
}

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

/* Sizes between 2^low and 2^high, each power of two as likely as the other. */
static size_t random_size(uint64_t *state, unsigned int low, unsigned int high)
{
	uint64_t random = next_random(state);
	unsigned int log2 = low + (unsigned int)((random >> 32) % (high - low));

	return ((size_t)1 << log2) + (random & (((size_t)1 << log2) - 1));
}

/* A program writes to what it allocates. */
static void touch(char *block, size_t size)
{
	if (!block)
		abort();
	block[0] = 1;
	block[size - 1] = 1;
}

/* Replace blocks of a working set in random order. */
static void replace(uint64_t seed, long operations, unsigned int low, unsigned int high, size_t set)
{
	void **blocks = calloc(set, sizeof(*blocks));

	for (long n = 0; n < operations; n++) {
		size_t place = next_random(&seed) % set;
		size_t size = random_size(&seed, low, high);

		free(blocks[place]);
		blocks[place] = malloc(size);
		touch(blocks[place], size);
	}
	for (size_t place = 0; place < set; place++)
		free(blocks[place]);
	free(blocks);
}

/* A server's request: some blocks of few sizes, freed in reverse order. */
static void request(uint64_t seed, long operations)
{
	void *blocks[16];

	for (long n = 0; n < operations; n += 16) {
		for (int block = 0; block < 16; block++) {
			size_t size = 24 + (next_random(&seed) & 7) * 56;

			blocks[block] = malloc(size);
			touch(blocks[block], size);
		}
		for (int block = 16; block--;)
			free(blocks[block]);
	}
}

static void grow(uint64_t seed, long operations)
{
	for (long n = 0; n < operations;) {
		size_t size = 16, limit = 1024 << (next_random(&seed) % 7);
		char *block = malloc(size);

		for (; size < limit; n++) {
			size += size / 2;
			block = realloc(block, size);
			touch(block, size);
		}
		free(block);
	}
}

static void mix_request(uint64_t seed)
{
	request(seed, 4000000);
}

static void mix_small(uint64_t seed)
{
	replace(seed, 4000000, 4, 9, WORKING_SET);
}

static void mix_common(uint64_t seed)
{
	replace(seed, 3000000, 4, 14, WORKING_SET);
}

static void mix_large(uint64_t seed)
{
	replace(seed, 300000, 15, 20, 64);
}

static void mix_huge(uint64_t seed)
{
	replace(seed, 3000, 21, 23, 2);
}

static void mix_realloc(uint64_t seed)
{
	grow(seed, 1000000);
}

/* Blocks that one thread allocates and another frees, in bundles through a one-place box. */
static struct {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	void **bundle;
} box = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, NULL};

static void hand_over(void **bundle)
{
	pthread_mutex_lock(&box.lock);
	while (box.bundle)
		pthread_cond_wait(&box.changed, &box.lock);
	box.bundle = bundle;
	pthread_cond_signal(&box.changed);
	pthread_mutex_unlock(&box.lock);
}

static void **take_over(void)
{
	void **bundle;

	pthread_mutex_lock(&box.lock);
	while (!box.bundle)
		pthread_cond_wait(&box.changed, &box.lock);
	bundle = box.bundle;
	box.bundle = NULL;
	pthread_cond_signal(&box.changed);
	pthread_mutex_unlock(&box.lock);
	return bundle;
}

static void produce(uint64_t seed)
{
	if (seed % 2) {
		for (int n = 0; n < 4000; n++) {
			void **bundle = malloc(HANDED_OVER * sizeof(*bundle));

			for (int block = 0; block < HANDED_OVER; block++) {
				size_t size = random_size(&seed, 4, 9);

				bundle[block] = malloc(size);
				touch(bundle[block], size);
			}
			hand_over(bundle);
		}
	} else {
		for (int n = 0; n < 4000; n++) {
			void **bundle = take_over();

			for (int block = 0; block < HANDED_OVER; block++)
				free(bundle[block]);
			free(bundle);
		}
	}
}

struct mix {
	const char *name;
	void (*run)(uint64_t seed);
	long operations; /* of one thread */
	int least_threads;
};

static const struct mix mixes[] = {
    {"request", mix_request, 4000000, 1}, {"small", mix_small, 4000000, 1},
    {"common", mix_common, 3000000, 1},	  {"large", mix_large, 300000, 1},
    {"huge", mix_huge, 3000, 1},	  {"realloc", mix_realloc, 1000000, 1},
    {"handover", produce, 1024000, 2},
};

struct job {
	const struct mix *mix;
	uint64_t seed;
};

static void *run_job(void *argument)
{
	const struct job *job = argument;

	job->mix->run(job->seed);
	return NULL;
}

static int by_value(const void *a, const void *b)
{
	double left = *(const double *)a, right = *(const double *)b;

	return (left > right) - (left < right);
}

int main(void)
{
	const char *separator = "{";

	for (int threads = 1; threads <= 2; threads++) {
		for (size_t n = 0; n < sizeof(mixes) / sizeof(mixes[0]); n++) {
			double times[REPETITIONS];

			if (threads < mixes[n].least_threads)
				continue;
			for (int repetition = 0; repetition < REPETITIONS; repetition++) {
				struct job first = {&mixes[n], 0x9e3779b97f4a7c15};
				struct job second = {&mixes[n], 0xda942042e4dd58b4};
				pthread_t thread;
				double begin = now();

				if (threads == 2 && pthread_create(&thread, NULL, run_job, &second))
					abort();
				run_job(&first);
				if (threads == 2)
					pthread_join(thread, NULL);
				times[repetition] = (now() - begin) / (double)mixes[n].operations;
			}
			qsort(times, REPETITIONS, sizeof(times[0]), by_value);
			printf("%s\"%s/%d\": %.2f", separator, mixes[n].name, threads,
			       times[REPETITIONS / 2]);
			separator = ", ";
		}
	}
	printf("}\n");
	return 0;
}
