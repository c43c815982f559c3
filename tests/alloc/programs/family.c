// SPDX-License-Identifier: GPL-2.0-only
/*
 * What each function of the malloc family promises: `family CASE` exits 0 if it holds, and prints
 * what failed otherwise. Built with the heap linked in, dynamically and statically.
 */
#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "check.h"

#define HUGE_SIZE ((size_t)PTRDIFF_MAX + 1)

/* Sizes around every boundary of the implementation: classes, pages, large, direct. */
static const size_t sizes[] = {
    0,	    1,	    8,	     15,      16,      17,	24,	 48,	  64,
    100,    128,    129,     160,     255,     256,	257,	 1000,	  1024,
    1025,   4095,   4096,    4097,    16384,   32767,	32768,	 32769,	  65536,
    100000, 131072, 1000000, 1048576, 3000000, 8000000, 8388608, 9000000, 40000000,
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void alignment(void)
{
	for (size_t align = 1; align <= (size_t)64 << 20; align *= 2) {
		for (size_t n = 0; n < COUNT(sizes); n++) {
			void *blocks[3], *other;

			for (int turn = 0; turn < 3; turn++) {
				blocks[turn] = memalign(align, sizes[n]);
				CHECK(blocks[turn]);
				CHECK((uintptr_t)blocks[turn] % align == 0);
				CHECK((uintptr_t)blocks[turn] % 16 == 0);
				CHECK(malloc_usable_size(blocks[turn]) >= sizes[n]);
				pattern_fill(blocks[turn], sizes[n], (unsigned char)turn);
			}
			other = aligned_alloc(align, sizes[n]);
			CHECK(other && (uintptr_t)other % align == 0);
			free(other);
			if (align >= sizeof(void *)) {
				CHECK(posix_memalign(&other, align, sizes[n]) == 0);
				CHECK((uintptr_t)other % align == 0);
				free(other);
			}
			for (int turn = 0; turn < 3; turn++) {
				pattern_check(blocks[turn], sizes[n], (unsigned char)turn);
				free(blocks[turn]);
			}
		}
	}
	for (size_t n = 0; n < COUNT(sizes); n++) {
		void *page = valloc(sizes[n]), *pages = pvalloc(sizes[n]);

		CHECK(page && (uintptr_t)page % 4096 == 0);
		CHECK(pages && (uintptr_t)pages % 4096 == 0);
		CHECK(malloc_usable_size(pages) >= (sizes[n] + 4095) / 4096 * 4096);
		free(page);
		free(pages);
	}
}

static void realloc_preserves(void)
{
	for (size_t from = 0; from < COUNT(sizes); from++) {
		for (size_t to = 1; to < COUNT(sizes); to++) {
			size_t kept = sizes[from] < sizes[to] ? sizes[from] : sizes[to];
			unsigned char *block = malloc(sizes[from]);

			CHECK(block);
			for (size_t place = 0; place < kept; place += pattern_step(kept))
				block[place] = (unsigned char)(place * 7);
			block = realloc(block, sizes[to]);
			CHECK(block);
			CHECK(malloc_usable_size(block) >= sizes[to]);
			for (size_t place = 0; place < kept; place += pattern_step(kept))
				CHECK(block[place] == (unsigned char)(place * 7));
			memset(block, 0xee, sizes[to] < 100000 ? sizes[to] : 100000);
			free(block);
		}
	}
	CHECK(realloc(malloc(10), 0) == NULL); /* as glibc's does */
}

/* A block that grows little by little, to a size at which copying it each time would be noticed. */
static void realloc_grows(void)
{
	char *block = malloc(1 << 20), *grown;

	for (size_t size = 1 << 20; size < (size_t)256 << 20; size += 1 << 20) {
		block[size - 1] = (char)(size >> 20);
		grown = realloc(block, size + (1 << 20));
		CHECK(grown);
		block = grown;
	}
	for (size_t size = 1 << 20; size < (size_t)256 << 20; size += 1 << 20)
		CHECK(block[size - 1] == (char)(size >> 20));
	grown = realloc(block, (size_t)100 << 20);
	CHECK(grown == block);
	free(grown);
	block = malloc(100);
	CHECK(realloc(block, 112) == block);
	CHECK(realloc(block, 90) == block);
	free(block);
}

static void calloc_zeroes(void)
{
	for (size_t n = 0; n < COUNT(sizes); n++) {
		for (int turn = 0; turn < 4; turn++) {
			unsigned char *block = calloc(1, sizes[n]);

			CHECK(block);
			for (size_t place = 0; place < sizes[n]; place++)
				CHECK(!block[place]);
			memset(block, 0xa5, sizes[n]);
			free(block);
		}
	}
}

/* The sizes come from here, so that the compiler does not see that they are impossible. */
static volatile size_t huge = HUGE_SIZE;

static void overflow(void)
{
	void *result = &result;
	void *block;

	CHECK((errno = 0, malloc(huge)) == NULL && errno == ENOMEM);
	CHECK((errno = 0, malloc(SIZE_MAX - (huge - HUGE_SIZE))) == NULL && errno == ENOMEM);
	CHECK((errno = 0, malloc(huge - 1)) == NULL && errno == ENOMEM);
	CHECK((errno = 0, calloc(huge / 2, 5)) == NULL && errno == ENOMEM);
	CHECK((errno = 0, calloc(huge, 2)) == NULL && errno == ENOMEM);
	CHECK((errno = 0, reallocarray(NULL, huge, 2)) == NULL && errno == ENOMEM);
	CHECK((errno = 0, pvalloc(SIZE_MAX - (huge - HUGE_SIZE))) == NULL && errno == ENOMEM);
	CHECK((errno = 0, valloc(huge)) == NULL && errno == ENOMEM);
	CHECK((errno = 0, memalign(huge / 2, huge - 1)) == NULL && errno);
	CHECK((errno = 0, memalign(huge + 1, 1)) == NULL && errno == EINVAL);
	CHECK((errno = 0, aligned_alloc(4096, huge - 1)) == NULL && errno == ENOMEM);
	errno = 77;
	CHECK(posix_memalign(&result, 3, 1) == EINVAL);
	CHECK(posix_memalign(&result, 4, 1) == EINVAL);
	CHECK(posix_memalign(&result, 0, 1) == EINVAL);
	CHECK(posix_memalign(&result, 24, 1) == EINVAL);
	CHECK(posix_memalign(&result, 64, huge) == ENOMEM);
	CHECK(errno == 77 && result == &result);
	block = malloc(50);
	pattern_fill(block, 50, 3);
	CHECK((errno = 0, realloc(block, huge)) == NULL && errno == ENOMEM);
	CHECK((errno = 0, reallocarray(block, huge, 4)) == NULL && errno == ENOMEM);
	pattern_check(block, 50, 3);
	errno = 77;
	free(block);
	free(NULL);
	CHECK(errno == 77);
	CHECK(malloc_usable_size(NULL) == 0);
}

/* Take all that there is, in blocks of one size; give it back; take as much again. */
static void exhaustion(void)
{
	static const size_t steps[] = {100, 3000, 50000, 1000000, 12000000};
	struct rlimit limit = {(rlim_t)256 << 20, (rlim_t)256 << 20};

	CHECK(setrlimit(RLIMIT_AS, &limit) == 0);
	for (size_t n = 0; n < COUNT(steps); n++) {
		size_t total[2] = {0, 0};

		for (int turn = 0; turn < 2; turn++) {
			void **last = NULL, **block;

			while ((errno = 0, block = malloc(steps[n]))) {
				*block = last;
				last = block;
				total[turn] += steps[n];
				CHECK(total[turn] <= limit.rlim_cur);
			}
			CHECK(errno == ENOMEM);
			for (; last; last = block) {
				block = *last;
				free(last);
			}
		}
		CHECK(total[0] > (size_t)150 << 20);
		CHECK(total[1] > total[0] / 10 * 9);
	}
}

static long resident_kib(void)
{
	long size, resident;
	FILE *file = fopen("/proc/self/statm", "r");

	CHECK(file && fscanf(file, "%ld %ld", &size, &resident) == 2);
	fclose(file);
	return resident * (sysconf(_SC_PAGESIZE) / 1024);
}

/* The most that this program has had. (ru_maxrss would also count who forked it, before exec.) */
static long most_resident_kib(void)
{
	char line[128];
	long most = -1;
	FILE *file = fopen("/proc/self/status", "r");

	CHECK(file);
	while (most < 0 && fgets(line, sizeof(line), file))
		if (sscanf(line, "VmHWM: %ld kB", &most) != 1)
			most = -1;
	fclose(file);
	CHECK(most >= 0);
	return most;
}

/* Ten million blocks; at no time more than 4000 of them, of 2 KiB in the mean. */
static void reuse(void)
{
	static void *blocks[4000];
	uint64_t seed = 42;

	for (long n = 0; n < 10000000; n++) {
		size_t place = next_random(&seed) % COUNT(blocks), size = random_size(&seed, 14);

		free(blocks[place]);
		blocks[place] = malloc(size);
		CHECK(blocks[place]);
		if (size)
			*(char *)blocks[place] = 1;
	}
	CHECK(most_resident_kib() < 48 * 1024);
}

/* Sizes that change as time goes by: what one left, the next can use. */
static void reuse_across_sizes(void)
{
	static void *blocks[64 * 1024];

	for (int round = 0; round < 40; round++) {
		size_t size = (size_t)16 << round % 16, count = ((size_t)64 << 20) / size;

		if (count > COUNT(blocks))
			count = COUNT(blocks);
		for (size_t n = 0; n < count; n++) {
			blocks[n] = malloc(size);
			memset(blocks[n], 1, size);
		}
		CHECK(resident_kib() < 160 * 1024);
		for (size_t n = 0; n < count; n++)
			free(blocks[n]);
	}
}

/* After a peak of 400 MiB the memory goes back to the system. */
static void give_back(void)
{
	static const size_t steps[] = {48, 700, 65536, 1 << 20, 20 << 20};

	for (size_t n = 0; n < COUNT(steps); n++) {
		void **last = NULL, **block;

		for (size_t total = 0; total < (size_t)400 << 20; total += steps[n]) {
			block = malloc(steps[n]);
			memset(block, 1, steps[n]);
			*block = last;
			last = block;
		}
		CHECK(resident_kib() > 400 * 1024);
		for (; last; last = block) {
			block = *last;
			free(last);
		}
		CHECK(resident_kib() < 100 * 1024);
		CHECK(malloc_trim(0) == 1);
		CHECK(resident_kib() < 12 * 1024);
	}
}

/* Allocate so many bytes in blocks of a size, touch all, and free them. */
static void use(size_t bytes, size_t step)
{
	void **last = NULL, **block;

	for (size_t total = 0; total < bytes; total += step) {
		block = malloc(step);
		memset(block, 1, step);
		*block = last;
		last = block;
	}
	for (; last; last = block) {
		block = *last;
		free(last);
	}
}

/* One large use of a small program's heap leaves little behind, as with libc's. */
static void gives_back_at_once(void)
{
	static const size_t steps[] = {48, 700, 30000, 65536, 1 << 20, 6 << 20, 12 << 20};

	for (size_t n = 0; n < COUNT(steps); n++) {
		pid_t child = fork();
		int status;

		if (!child) {
			long before = resident_kib();

			use((size_t)12 << 20, steps[n]);
			CHECK(resident_kib() < before + 3 * 1024);
			exit(0);
		}
		CHECK(waitpid(child, &status, 0) == child && !status);
	}
}

static long faults(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return usage.ru_minflt;
}

/* Uses that follow each other at once find the memory there. */
static void keeps_what_is_needed_again(void)
{
	static const size_t steps[] = {700, 65536, 1 << 20, 12 << 20};

	for (size_t n = 0; n < COUNT(steps); n++) {
		long before;

		for (int times = 0; times < 20; times++)
			use((size_t)12 << 20, steps[n]);
		before = faults();
		for (int times = 0; times < 20; times++)
			use((size_t)12 << 20, steps[n]);
		/* each would have 3072 */
		CHECK(faults() - before < 20 * 3072 / 4);
	}
}

/* And when that is over, it goes back while the program works on with less. */
static void gives_back_when_it_is_no_longer_needed(void)
{
	long before = resident_kib();
	struct timespec start, now;

	for (int times = 0; times < 40; times++)
		use((size_t)12 << 20, 65536);
	CHECK(resident_kib() > before + 8 * 1024);
	clock_gettime(CLOCK_MONOTONIC, &start);
	do {
		use(256 * 1024, 1024);
		clock_gettime(CLOCK_MONOTONIC, &now);
	} while (resident_kib() > before + 3 * 1024 && now.tv_sec < start.tv_sec + 30);
	CHECK(resident_kib() <= before + 3 * 1024);
}

static void *use_and_end(void *seed)
{
	uint64_t state = (uintptr_t)seed;
	void *blocks[100];

	for (size_t n = 0; n < COUNT(blocks); n++) {
		size_t size = random_size(&state, 12) + 1;

		blocks[n] = malloc(size);
		memset(blocks[n], 1, size);
	}
	for (size_t n = 0; n < COUNT(blocks); n++)
		free(blocks[n]);
	return malloc(100);
}

/* Threads come and go; what was in their caches is used again. */
static void thread_churn(void)
{
	long before = 0;

	for (uintptr_t n = 1; n <= 4000; n++) {
		pthread_t thread;
		void *left;

		CHECK(pthread_create(&thread, NULL, use_and_end, (void *)n) == 0);
		CHECK(pthread_join(thread, &left) == 0);
		free(left);
		if (n == 200)
			before = resident_kib();
	}
	CHECK(resident_kib() < before + 2048);
}

static const struct {
	const char *name;
	void (*run)(void);
} cases[] = {
    {"alignment", alignment},
    {"realloc_preserves", realloc_preserves},
    {"realloc_grows", realloc_grows},
    {"calloc_zeroes", calloc_zeroes},
    {"overflow", overflow},
    {"exhaustion", exhaustion},
    {"reuse", reuse},
    {"reuse_across_sizes", reuse_across_sizes},
    {"give_back", give_back},
    {"gives_back_at_once", gives_back_at_once},
    {"keeps_what_is_needed_again", keeps_what_is_needed_again},
    {"gives_back_when_it_is_no_longer_needed", gives_back_when_it_is_no_longer_needed},
    {"thread_churn", thread_churn},
};

int main(int argc, char **argv)
{
	for (size_t n = 0; argc == 2 && n < COUNT(cases); n++) {
		if (!strcmp(argv[1], cases[n].name)) {
			cases[n].run();
			return 0;
		}
	}
	fprintf(stderr, "usage: family CASE\n");
	return 2;
}
