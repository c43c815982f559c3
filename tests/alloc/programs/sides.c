// SPDX-License-Identifier: GPL-2.0-only
/*
 * The heap from a side that can neither wait nor map, as Elite in the kernel.
 *
 * sides unchanged: a try form that needs the user side has changed nothing.
 * sides together THREADS OPERATIONS: half of the threads use the try forms, with caches of their
 * own, and malloc() and free() where these cannot; the other half only these. They free each
 * other's blocks.
 */
#include <pthread.h>
#include <stdatomic.h>

#include "check.h"
#include "heap/heap.h"

enum { PLACES = 256, MAX_THREADS = 8, LARGE = 100000, DIRECT = 100000000 };

/* The whole state: the heap, one cache, and the header of the segment of one block. */
struct state {
	struct lp_heap heap;
	struct lp_cache cache;
	struct lp_segment segment;
};

static struct lp_cache cache;
static struct state before, after;

static void record(struct state *state, const void *block)
{
	state->heap = lp_heap;
	state->cache = cache;
	state->segment = *lp_segment_of(block);
}

static void expect(enum lp_heap_status status, enum lp_heap_status wanted, const void *block)
{
	CHECK(status == wanted);
	record(&after, block);
	CHECK(!memcmp(&before, &after, sizeof(before)));
}

static void *take(size_t size)
{
	void *block;

	CHECK(lp_heap_try_malloc(&cache, size, &block) == LP_HEAP_OK);
	return block;
}

/* Take blocks of the size until the cache and the depot have none. */
static void drain(size_t size)
{
	struct lp_cache_slot *slot = &cache.slot[lp_class_of(size)];

	do
		take(size);
	while (slot->active || slot->spare || lp_heap.central[lp_class_of(size)].chains);
}

/* Free blocks of the size until both magazines are full; return one more. */
static void *fill(size_t size)
{
	struct lp_cache_slot *slot = &cache.slot[lp_class_of(size)];
	void *blocks[200];
	int count = 0;

	while (count < 200)
		blocks[count++] = take(size);
	while (slot->room || !slot->spare)
		CHECK(lp_heap_try_free(&cache, blocks[--count]) == LP_HEAP_OK);
	return blocks[--count];
}

static void unchanged(void)
{
	uint32_t *small_lock = &lp_heap.central[lp_class_of(40)].lock;
	void *block, *other, *moved;

	free(malloc(1)); /* the heap has a segment */
	block = take(40);

	/* small, with the class's list held elsewhere */
	drain(40);
	*small_lock = 1;
	record(&before, block);
	expect(lp_heap_try_malloc(&cache, 40, &other), LP_HEAP_BUSY, block);
	expect(lp_heap_try_calloc(&cache, 5, 8, &other), LP_HEAP_BUSY, block);
	*small_lock = 0;
	CHECK(lp_heap_try_malloc(&cache, 40, &other) == LP_HEAP_OK);

	/* small, of a class that needs a new span, with the page runs held elsewhere */
	lp_heap.page_lock = 1;
	record(&before, block);
	expect(lp_heap_try_malloc(&cache, 7000, &other), LP_HEAP_BUSY, block);
	/* large */
	expect(lp_heap_try_malloc(&cache, LARGE, &other), LP_HEAP_BUSY, block);
	lp_heap.page_lock = 0;
	other = take(LARGE);
	lp_heap.page_lock = 1;
	record(&before, block);
	expect(lp_heap_try_free(&cache, other), LP_HEAP_BUSY, block);
	expect(lp_heap_try_realloc(&cache, other, 2 * LARGE, &moved), LP_HEAP_BUSY, block);
	lp_heap.page_lock = 0;
	CHECK(lp_heap_try_free(&cache, other) == LP_HEAP_OK);

	/* a block that comes back when both magazines are full */
	block = fill(40);
	memset(block, 7, 40);
	*small_lock = 1;
	record(&before, block);
	expect(lp_heap_try_free(&cache, block), LP_HEAP_BUSY, block);
	for (int n = 0; n < 40; n++)
		CHECK(((char *)block)[n] == 7);

	/* one that moves, while its free cannot be done: it has moved; its free is made up for */
	take(400);
	CHECK(lp_heap_try_realloc(&cache, block, 400, &moved) == LP_HEAP_OK);
	CHECK(moved != block && ((char *)moved)[39] == 7);
	CHECK(cache.deferred == block);
	CHECK(lp_heap_try_free(&cache, block) == LP_HEAP_DOUBLE_FREE);
	*small_lock = 0;
	CHECK(lp_heap_alloc(&cache, LARGE, 16, false, &other, &(bool){false}) == LP_HEAP_OK);
	CHECK(!cache.deferred);

	/* what is the user side's business */
	other = malloc(DIRECT);
	record(&before, block);
	expect(lp_heap_try_malloc(&cache, DIRECT, &moved), LP_HEAP_DIRECT, block);
	expect(lp_heap_try_free(&cache, other), LP_HEAP_DIRECT, block);
	expect(lp_heap_try_realloc(&cache, other, 3, &moved), LP_HEAP_DIRECT, block);
	expect(lp_heap_try_calloc(&cache, SIZE_MAX, 3, &moved), LP_HEAP_DIRECT, block);
	/* and what is bad */
	expect(lp_heap_try_free(&cache, &moved), LP_HEAP_FOREIGN, block);
	expect(lp_heap_try_free(&cache, (char *)other + 8), LP_HEAP_INTERIOR, block);
	free(other);

	/* no pages left */
	while (lp_heap_try_malloc(&cache, LARGE, &other) == LP_HEAP_OK)
		;
	record(&before, block);
	expect(lp_heap_try_malloc(&cache, LARGE, &other), LP_HEAP_REFILL, block);
	free(malloc(LARGE)); /* the user side has refilled it */
	CHECK(lp_heap_try_malloc(&cache, LARGE, &other) == LP_HEAP_OK);
}

struct block {
	size_t size;
	unsigned char tag;
};

static _Atomic(struct block *) places[PLACES];
static atomic_long deopts;

struct job {
	pthread_t thread;
	uint64_t seed;
	long operations;
	bool elite;
	struct lp_cache cache;
};

static void *job_malloc(struct job *job, size_t size)
{
	void *block;

	if (job->elite) {
		if (lp_heap_try_malloc(&job->cache, size, &block) == LP_HEAP_OK)
			return block;
		atomic_fetch_add(&deopts, 1);
	}
	return malloc(size);
}

static void *job_realloc(struct job *job, void *old, size_t size)
{
	void *block;

	if (job->elite) {
		if (lp_heap_try_realloc(&job->cache, old, size, &block) == LP_HEAP_OK)
			return block;
		atomic_fetch_add(&deopts, 1);
	}
	return realloc(old, size);
}

static void job_free(struct job *job, void *block)
{
	if (job->elite) {
		enum lp_heap_status status = lp_heap_try_free(&job->cache, block);

		if (status == LP_HEAP_OK)
			return;
		CHECK(status == LP_HEAP_BUSY || status == LP_HEAP_DIRECT);
		atomic_fetch_add(&deopts, 1);
	}
	free(block);
}

static void verify(const struct block *block)
{
	pattern_check((const void *)(block + 1), block->size - sizeof(*block), block->tag);
}

static void fill_in(struct block *block, size_t size, uint64_t *seed)
{
	CHECK(block);
	block->size = size;
	block->tag = (unsigned char)next_random(seed);
	pattern_fill((void *)(block + 1), size - sizeof(*block), block->tag);
}

static void *work(void *argument)
{
	struct job *job = argument;

	for (long n = 0; n < job->operations; n++) {
		size_t place = next_random(&job->seed) % PLACES, size;
		unsigned int high = next_random(&job->seed) % 64 ? 12 : 18;
		struct block *block = atomic_exchange(&places[place], NULL);

		size = sizeof(*block) + random_size(&job->seed, high);
		if (block) {
			verify(block);
			if (next_random(&job->seed) % 4) {
				job_free(job, block);
				continue;
			}
			block = job_realloc(job, block, size);
		} else {
			block = job_malloc(job, size);
		}
		fill_in(block, size, &job->seed);
		block = atomic_exchange(&places[place], block);
		if (block) {
			verify(block);
			job_free(job, block);
		}
	}
	lp_heap_flush(&job->cache, true);
	return NULL;
}

static void together(int threads, long operations)
{
	static struct job jobs[MAX_THREADS];

	CHECK(threads > 0 && threads <= MAX_THREADS);
	for (int n = 0; n < threads; n++) {
		jobs[n].seed = 0x9e3779b97f4a7c15 * (uint64_t)(n + 1);
		jobs[n].operations = operations;
		jobs[n].elite = n % 2;
		CHECK(!pthread_create(&jobs[n].thread, NULL, work, &jobs[n]));
	}
	for (int n = 0; n < threads; n++)
		CHECK(!pthread_join(jobs[n].thread, NULL));
	for (int n = 0; n < PLACES; n++) {
		if (places[n])
			verify(places[n]);
		free(places[n]);
	}
	printf("%ld\n", atomic_load(&deopts));
}

int main(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "unchanged")) {
		unchanged();
	} else if (argc == 4 && !strcmp(argv[1], "together")) {
		together(atoi(argv[2]), atol(argv[3]));
	} else {
		fprintf(stderr, "usage: sides unchanged | sides together THREADS OPERATIONS\n");
		return 2;
	}
	return 0;
}
