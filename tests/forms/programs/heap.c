// SPDX-License-Identifier: GPL-2.0-only
/* The heap's forms on our allocator: blocks from them and from malloc itself, given back to either.
 */
#include <errno.h>
#include <malloc.h>
#include <pthread.h>

#include "check.h"

enum { THREADS = 3, TURNS = 150000, BLOCKS = 400 };

extern __typeof__(malloc) lp_form_malloc;
extern __typeof__(calloc) lp_form_calloc;
extern __typeof__(realloc) lp_form_realloc;
extern __typeof__(free) lp_form_free;
extern __typeof__(posix_memalign) lp_form_posix_memalign;
extern __typeof__(malloc_usable_size) lp_form_malloc_usable_size;

static uint64_t next(uint64_t *state)
{
	*state = *state * 6364136223846793005u + 1442695040888963407u;
	return *state >> 20;
}

struct block {
	unsigned char *at;
	size_t size;
	unsigned char tag;
};

/* First, last and some in between. */
static void mark(struct block *block, unsigned char tag)
{
	block->tag = tag;
	for (size_t i = 0; i < block->size; i += block->size / 8 + 1)
		block->at[i] = tag;
	if (block->size)
		block->at[block->size - 1] = tag;
}

static void check_up_to(const struct block *block, size_t size)
{
	for (size_t i = 0; i < size; i += block->size / 8 + 1)
		CHECK(block->at[i] == block->tag);
}

static void take(struct block *block, size_t size, uint64_t random)
{
	size_t align = 8u << (random >> 8) % 10;
	void *made = NULL;

	switch (random % 5) {
	case 0:
		made = malloc(size);
		break;
	case 1:
	case 2:
		made = lp_form_malloc(size);
		break;
	case 3:
		made = lp_form_calloc(size, 1);
		for (size_t i = 0; i < size; i++)
			CHECK(((unsigned char *)made)[i] == 0);
		break;
	case 4:
		CHECK(!lp_form_posix_memalign(&made, align, size));
		CHECK((uintptr_t)made % align == 0);
		break;
	}
	CHECK(made != NULL);
	CHECK((uintptr_t)made % 16 == 0);
	CHECK(malloc_usable_size(made) >= size);
	CHECK(lp_form_malloc_usable_size(made) == malloc_usable_size(made));
	block->at = made;
	block->size = size;
	mark(block, (unsigned char)(random >> 16));
}

static void *storm(void *seed)
{
	struct block blocks[BLOCKS] = {0};
	uint64_t state = (uint64_t)seed + 99;

	if (lp_form_library.mutexes)
		lp_forms_attach();
	for (int turn = 0; turn < TURNS; turn++) {
		uint64_t random = next(&state);
		struct block *block = &blocks[random % BLOCKS];
		size_t size = next(&state) % (random >> 30 & 7	 ? 300
					      : random >> 33 & 7 ? 9000
								 : 90000);

		if (block->at && random >> 9 & 1) {
			size_t kept = block->size < size ? block->size : size;

			check_up_to(block, block->size);
			block->at = random >> 10 & 1 ? lp_form_realloc(block->at, size + 1)
						     : realloc(block->at, size + 1);
			CHECK(block->at != NULL);
			check_up_to(block, kept);
			block->size = size + 1;
			mark(block, (unsigned char)(random >> 16));
			continue;
		}
		if (block->at) {
			check_up_to(block, block->size);
			if (random >> 11 & 1)
				lp_form_free(block->at);
			else
				free(block->at);
		}
		take(block, size, next(&state));
	}
	for (int i = 0; i < BLOCKS; i++)
		lp_form_free(blocks[i].at);
	return NULL;
}

/* What is wrong is wrong in the same way. */
static void errors(void)
{
	void *block = lp_form_malloc(24), *made = NULL;
	volatile size_t huge = SIZE_MAX / 2 + 2;

	lp_form_free(NULL);
	errno = 0;
	CHECK(lp_form_malloc(huge) == NULL && errno == ENOMEM);
	errno = 0;
	CHECK(lp_form_calloc(huge, 2) == NULL && errno == ENOMEM);
	CHECK(lp_form_posix_memalign(&made, 24, 8) == EINVAL);
	CHECK(lp_form_posix_memalign(&made, 0, 8) == EINVAL);
	CHECK(lp_form_posix_memalign(&made, 64, huge) == ENOMEM && made == NULL);
	CHECK(lp_form_realloc(NULL, 10) != NULL);
	CHECK(lp_form_realloc(malloc(10), 0) == NULL);
	/* A block with a mapping of its own. */
	made = lp_form_malloc(64 << 20);
	CHECK(made != NULL);
	memset(made, 1, 64 << 20);
	made = lp_form_realloc(made, 65 << 20);
	CHECK(made != NULL);
	lp_form_free(made);
	lp_form_free(block);
	CHECK(WIFSIGNALED(ENDS(lp_form_free(block))));
	CHECK(WIFSIGNALED(ENDS(lp_form_free((char *)malloc(100) + 16))));
}

int main(int argc, char **argv)
{
	pthread_t threads[THREADS];

	begin(argc, argv);
	if (argc > 1 && !strcmp(argv[1], "attached"))
		CHECK(lp_form_thread.heap != NULL);
	errors();
	for (uint64_t i = 0; i < THREADS; i++)
		CHECK(!pthread_create(&threads[i], NULL, storm, (void *)i));
	for (int i = 0; i < THREADS; i++)
		CHECK(!pthread_join(threads[i], NULL));
	return 0;
}
