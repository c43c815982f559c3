// SPDX-License-Identifier: GPL-2.0-only
/*
 * Threads that allocate, resize and free each other's blocks, all with patterns that are verified.
 *
 * storm run SEED THREADS OPERATIONS: that alone.
 * storm fork SEED THREADS FORKS: and meanwhile forks; each child allocates, makes a thread, and
 * ends.
 */
#include <malloc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

struct block {
	size_t size;
	unsigned char tag;
};

enum { PLACES = 1024, MAX_THREADS = 16, LOG2_MAX = 20 };

/* Each place holds a block or nothing; whoever exchanges it out owns it. */
static _Atomic(unsigned char *) places[PLACES];
static atomic_bool stop;

/* What a block is, at its head; the pattern fills the rest. */
static unsigned char *make(uint64_t *seed)
{
	/* most of them small, a few of them large */
	unsigned int high = next_random(seed) % 64 ? 12 : LOG2_MAX;
	size_t size = sizeof(struct block) + random_size(seed, high);
	struct block *block;
	uint64_t way = next_random(seed) % 8;

	if (way == 0) {
		block = calloc(1, size);
		CHECK(block);
		for (size_t place = 0; place < size; place += pattern_step(size))
			CHECK(!((unsigned char *)block)[place]);
	} else if (way == 1) {
		size_t align = (size_t)16 << next_random(seed) % 10;

		block = memalign(align, size);
		CHECK(block && (uintptr_t)block % align == 0);
	} else {
		block = malloc(size);
		CHECK(block && (uintptr_t)block % 16 == 0);
	}
	block->size = size;
	block->tag = (unsigned char)next_random(seed);
	pattern_fill((unsigned char *)(block + 1), size - sizeof(*block), block->tag);
	return (unsigned char *)block;
}

static void verify(const unsigned char *bytes)
{
	const struct block *block = (const void *)bytes;

	pattern_check(bytes + sizeof(*block), block->size - sizeof(*block), block->tag);
}

static unsigned char *resize(uint64_t *seed, unsigned char *bytes)
{
	size_t old = ((struct block *)bytes)->size;
	size_t size = sizeof(struct block) + random_size(seed, 13);
	size_t kept = old < size ? old : size;
	struct block *block, head = *(struct block *)bytes;
	unsigned char first = bytes[sizeof(head)], tag = (unsigned char)next_random(seed);

	block = realloc(bytes, size);
	CHECK(block && block->size == head.size && block->tag == head.tag);
	if (kept > sizeof(head) + 1 && old > sizeof(head) + 1)
		CHECK(*(unsigned char *)(block + 1) == first);
	block->size = size;
	block->tag = tag;
	pattern_fill((unsigned char *)(block + 1), size - sizeof(*block), tag);
	return (unsigned char *)block;
}

static void step(uint64_t *seed)
{
	size_t place = next_random(seed) % PLACES;
	unsigned char *block = atomic_exchange(&places[place], NULL);

	if (!block) {
		block = make(seed);
	} else {
		verify(block);
		if (next_random(seed) % 4) {
			free(block);
			return;
		}
		block = resize(seed, block);
	}
	block = atomic_exchange(&places[place], block);
	if (block) {
		verify(block);
		free(block);
	}
}

struct job {
	pthread_t thread;
	uint64_t seed;
	long operations; /* 0: until told to stop */
};

static void *work(void *argument)
{
	struct job *job = argument;

	for (long n = 0; job->operations ? n < job->operations : !atomic_load(&stop); n++)
		step(&job->seed);
	return NULL;
}

static void *work_in_child(void *argument)
{
	uint64_t seed = (uintptr_t)argument;

	/* blocks of the parent's threads may have been in the making, so only our own */
	for (int n = 0; n < 300; n++) {
		unsigned char *block = make(&seed);

		block = resize(&seed, block);
		verify(block);
		free(block);
	}
	return NULL;
}

static void one_fork(uint64_t seed)
{
	pid_t child = fork();
	pthread_t thread;
	int status;

	CHECK(child >= 0);
	if (!child) {
		alarm(20);
		work_in_child((void *)seed);
		CHECK(!pthread_create(&thread, NULL, work_in_child, (void *)(seed + 1)));
		work_in_child((void *)(seed + 2));
		CHECK(!pthread_join(thread, NULL));
		_exit(0);
	}
	CHECK(waitpid(child, &status, 0) == child);
	CHECK(WIFEXITED(status) && !WEXITSTATUS(status));
}

int main(int argc, char **argv)
{
	struct job jobs[MAX_THREADS];
	uint64_t seed;
	int threads;
	long count;

	if (argc != 5) {
		fprintf(stderr, "usage: storm run|fork SEED THREADS OPERATIONS|FORKS\n");
		return 2;
	}
	seed = strtoull(argv[2], NULL, 0);
	threads = atoi(argv[3]);
	count = atol(argv[4]);
	CHECK(threads > 0 && threads <= MAX_THREADS);
	for (int n = 0; n < threads; n++) {
		jobs[n].seed = seed * 0x9e3779b97f4a7c15 + (uint64_t)n + 1;
		jobs[n].operations = strcmp(argv[1], "fork") ? count : 0;
		CHECK(!pthread_create(&jobs[n].thread, NULL, work, &jobs[n]));
	}
	if (!strcmp(argv[1], "fork")) {
		for (long n = 0; n < count; n++)
			one_fork(seed + 1000 * (uint64_t)n + 1);
		atomic_store(&stop, true);
	}
	for (int n = 0; n < threads; n++)
		CHECK(!pthread_join(jobs[n].thread, NULL));
	for (int n = 0; n < PLACES; n++) {
		unsigned char *block = atomic_load(&places[n]);

		if (block)
			verify(block);
		free(block);
	}
	return 0;
}
