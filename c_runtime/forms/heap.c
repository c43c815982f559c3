// SPDX-License-Identifier: GPL-2.0-only WITH GCC-exception-2.0
/*
 * The heap. Where the program has our allocator (LP_FORMS_HEAP), both sides run it on the thread's
 * own cache: this is the core once more, so that each of its functions has a kernel form. What the
 * core can't do without a system call or a wait, and bad pointers, are left to the library's names,
 * which are our allocator's then. With another allocator all is left to it.
 */
#include <malloc.h>
#include <stdlib.h>

#include "forms.h"

#ifndef LP_FORMS_HEAP
#define LP_FORMS_HEAP 1
#endif

#if LP_FORMS_HEAP

#pragma GCC diagnostic ignored "-Wunused-function"
#define LP_CORE static
#define lp_class lp_form_class
#define __builtin_memset lp_form_memset
#define __builtin_memcpy lp_form_memmove
#include "heap/lock.c"
#include "heap/central.c"
#include "heap/pages.c"

/* The thread's cache; NULL: it has none that we may use. */
static inline struct lp_cache *own_cache(void)
{
	return lp_form_thread.heap;
}

void *lp_form_malloc(size_t size)
{
	struct lp_cache *cache = own_cache();
	void *block;

	if (UNLIKELY(!cache))
		return malloc(size);
	if (LIKELY(size <= LP_SMALL_MAX)) {
		block = lp_cache_take(cache, lp_class_of(size));
		if (LIKELY(block != NULL))
			return block;
	}
	return lp_heap_try_malloc(cache, size, &block) == LP_HEAP_OK ? block : malloc(size);
}

void *lp_form_calloc(size_t count, size_t size)
{
	struct lp_cache *cache = own_cache();
	void *block;

	if (UNLIKELY(!cache || lp_heap_try_calloc(cache, count, size, &block) != LP_HEAP_OK))
		return calloc(count, size);
	return block;
}

void *lp_form_realloc(void *old, size_t size)
{
	struct lp_cache *cache = own_cache();
	void *block;

	if (UNLIKELY(!cache || lp_heap_try_realloc(cache, old, size, &block) != LP_HEAP_OK))
		return realloc(old, size);
	return block;
}

void lp_form_free(void *block)
{
	struct lp_cache *cache = own_cache();

	if (UNLIKELY(!cache || lp_heap_try_free(cache, block) != LP_HEAP_OK))
		free(block);
}

int lp_form_posix_memalign(void **to, size_t align, size_t size)
{
	struct lp_cache *cache = own_cache();
	void *block;
	bool zeroed;

	if (align % sizeof(void *) || !align || align & (align - 1))
		return EINVAL;
	if (align < LP_MIN_ALIGN)
		align = LP_MIN_ALIGN;
	if (UNLIKELY(!cache ||
		     lp_heap_alloc(cache, size, align, false, &block, &zeroed) != LP_HEAP_OK))
		return posix_memalign(to, align, size);
	*to = block;
	return 0;
}

size_t lp_form_malloc_usable_size(void *block)
{
	size_t size;

	if (!block)
		return 0;
	return lp_heap_usable(block, &size) == LP_HEAP_OK ? size : malloc_usable_size(block);
}

#else

void *lp_form_malloc(size_t size)
{
	return malloc(size);
}

void *lp_form_calloc(size_t count, size_t size)
{
	return calloc(count, size);
}

void *lp_form_realloc(void *old, size_t size)
{
	return realloc(old, size);
}

void lp_form_free(void *block)
{
	free(block);
}

int lp_form_posix_memalign(void **to, size_t align, size_t size)
{
	return posix_memalign(to, align, size);
}

size_t lp_form_malloc_usable_size(void *block)
{
	return malloc_usable_size(block);
}

#endif
