// SPDX-License-Identifier: GPL-2.0-only WITH GCC-exception-2.0
/*
 * Small blocks: thread caches, depots of magazines, spans. Core: see heap/heap.h.
 */
#include "heap/heap.h"

#define MAGIC(size) ((uint32_t)((((uint64_t)1 << 32) + (size) / 16 - 1) / ((size) / 16)))
#define BATCH(size) ((size) <= 512 ? 64 : (size) >= 32768 ? 1 : 32768 / (size))
/* 32 KiB of the least sizes; else as many blocks as make it exact: 256 of 129 to 256 bytes,
 * half as many for each doubling, but at least 8. */
#define SPAN_BYTES(size)                                                                           \
	((size) <= 128	  ? 32768                                                                  \
	 : (size) <= 256  ? (size)*256                                                             \
	 : (size) <= 512  ? (size)*128                                                             \
	 : (size) <= 1024 ? (size)*64                                                              \
	 : (size) <= 2048 ? (size)*32                                                              \
	 : (size) <= 4096 ? (size)*16                                                              \
			  : (size)*8)
#define CLASS(size)                                                                                \
	{                                                                                          \
		MAGIC(size), (size), BATCH(size), SPAN_BYTES(size) >> LP_PAGE_SHIFT,               \
		    SPAN_BYTES(size) / (size), 0                                                   \
	}
#define FOUR(base)                                                                                 \
	CLASS((base) / 4 * 5), CLASS((base) / 4 * 6), CLASS((base) / 4 * 7), CLASS((base)*2)

const struct lp_class lp_class[LP_CLASSES] = {
    CLASS(16), CLASS(32), CLASS(48), CLASS(64),	 CLASS(80),  CLASS(96),	 CLASS(112), CLASS(128),
    FOUR(128), FOUR(256), FOUR(512), FOUR(1024), FOUR(2048), FOUR(4096), FOUR(8192), FOUR(16384),
};

static void span_list(struct lp_central *central, struct lp_span *span)
{
	span->prev = NULL;
	span->next = central->spans;
	if (span->next)
		span->next->prev = span;
	central->spans = span;
	span->listed = true;
}

static void span_unlist(struct lp_central *central, struct lp_span *span)
{
	if (span->next)
		span->next->prev = span->prev;
	if (span->prev)
		span->prev->next = span->next;
	else
		central->spans = span->next;
	span->listed = false;
}

/* Where a span's first block is. */
static char *span_base(const struct lp_span *span)
{
	struct lp_segment *segment = lp_segment_of(span);

	return (char *)segment + ((size_t)(span - segment->span) << LP_PAGE_SHIFT);
}

/* A new span for the class, whose lock is held. */
static enum lp_heap_status span_add(unsigned int cls, bool wait)
{
	const struct lp_class *info = &lp_class[cls];
	struct lp_segment *segment;
	enum lp_heap_status status;
	struct lp_span *span;
	uint32_t first, page;
	bool zeroed;
	void *run;

	status = lp_pages_take(info->pages, 1, wait, &run, &zeroed);
	if (status != LP_HEAP_OK)
		return status;
	segment = lp_segment_of(run);
	first = lp_page_of(run);
	span = &segment->span[first];
	span->free = NULL;
	span->used = 0;
	span->carved = 0;
	for (page = first; page < first + info->pages; page++)
		__atomic_store_n(&segment->page[page], (cls + 1) | first << 16, __ATOMIC_RELAXED);
	span_list(&lp_heap.central[cls], span);
	return LP_HEAP_OK;
}

/* Up to `want` blocks from the spans, linked: what came back first, then untouched ones. */
static struct lp_chain spans_take(unsigned int cls, size_t want)
{
	struct lp_central *central = &lp_heap.central[cls];
	const struct lp_class *info = &lp_class[cls];
	struct lp_chain chain = {NULL, 0};
	struct lp_block **tail = &chain.head;
	struct lp_span *span;

	while (chain.count < want && (span = central->spans)) {
		size_t before = chain.count;

		for (; chain.count < want && span->free; chain.count++) {
			*tail = span->free;
			tail = &span->free->next;
			span->free = *tail;
		}
		for (; chain.count < want && span->carved < info->capacity; chain.count++) {
			*tail = (void *)(span_base(span) + (size_t)span->carved++ * info->size);
			tail = &(*tail)->next;
		}
		span->used += chain.count - before;
		if (!span->free && span->carved == info->capacity)
			span_unlist(central, span);
	}
	*tail = NULL;
	return chain;
}

/* One block back to its span; the class's lock is held. */
static enum lp_heap_status span_give(unsigned int cls, struct lp_block *block, bool wait)
{
	struct lp_central *central = &lp_heap.central[cls];
	struct lp_segment *segment = lp_segment_of(block);
	struct lp_span *span = &segment->span[segment->page[lp_page_of(block)] >> 16];
	size_t number = (size_t)((char *)block - span_base(span)) / lp_class[cls].size;

	if (number >= span->carved)
		return LP_HEAP_NOT_ALLOCATED;
	if (!span->used)
		return LP_HEAP_DOUBLE_FREE;
	block->next = span->free;
	span->free = block;
	span->used--;
	if (!span->listed)
		span_list(central, span);
	if (!span->used && (span->next || span->prev)) {
		/* nothing in use, and not the last that has free blocks: its pages go back; if the
		 * lock is held elsewhere, it stays, to be used first or to go another time */
		span_unlist(central, span);
		if (lp_pages_give_span(span, wait) != LP_HEAP_OK)
			span_list(central, span);
	}
	return LP_HEAP_OK;
}

static enum lp_heap_status chain_to_spans(unsigned int cls, struct lp_chain chain, bool wait)
{
	enum lp_heap_status status, result = LP_HEAP_OK;
	struct lp_block *block, *next;

	for (block = chain.head; chain.count--; block = next) {
		next = block->next;
		status = span_give(cls, block, wait);
		if (status != LP_HEAP_OK)
			result = status;
	}
	return result;
}

/* Up to `want` blocks: at best a magazine as it was given back. */
static enum lp_heap_status central_take(unsigned int cls, size_t want, bool wait,
					struct lp_chain *chain)
{
	struct lp_central *central = &lp_heap.central[cls];
	enum lp_heap_status status = LP_HEAP_OK;

	if (!lp_lock(&central->lock, wait))
		return LP_HEAP_BUSY;
	if (central->chains && central->depot[central->chains - 1].count <= want) {
		*chain = central->depot[--central->chains];
	} else {
		if (!central->spans)
			status = span_add(cls, wait);
		if (status == LP_HEAP_OK)
			*chain = spans_take(cls, want);
	}
	lp_unlock(&central->lock);
	return status;
}

/* Give blocks back, as a magazine if they are one. BUSY: nothing was changed. */
static enum lp_heap_status central_give(unsigned int cls, struct lp_chain chain, bool wait)
{
	struct lp_central *central = &lp_heap.central[cls];
	enum lp_heap_status status = LP_HEAP_OK;

	if (!lp_lock(&central->lock, wait))
		return LP_HEAP_BUSY;
	if (central->chains < LP_DEPOT_CHAINS && chain.count == lp_class[cls].batch)
		central->depot[central->chains++] = chain;
	else
		status = chain_to_spans(cls, chain, wait);
	lp_unlock(&central->lock);
	return status;
}

/* All depots back to their spans, whose pages may become free. */
void lp_central_drain(void)
{
	for (unsigned int cls = 0; cls < LP_CLASSES; cls++) {
		struct lp_central *central = &lp_heap.central[cls];

		lp_lock(&central->lock, true);
		while (central->chains)
			chain_to_spans(cls, central->depot[--central->chains], true);
		lp_unlock(&central->lock);
	}
}

static void cache_open(struct lp_cache *cache)
{
	for (unsigned int cls = 0; cls < LP_CLASSES; cls++)
		cache->slot[cls].room = lp_class[cls].batch;
	cache->state = LP_CACHE_OPENED;
}

/* Free what try_realloc had to leave. */
static void cache_settle(struct lp_cache *cache, bool wait)
{
	while (LP_UNLIKELY(cache->deferred)) {
		struct lp_block *block = cache->deferred;
		struct lp_block *next = block->next;

		block->cookie = 0;
		cache->deferred = NULL;
		if (lp_heap_free(cache, block, wait) == LP_HEAP_BUSY) {
			block->cookie = lp_cookie(block);
			cache->deferred = block;
			return;
		}
		cache->deferred = next;
	}
}

/* A block of the class, when the cache's active magazine is empty. */
static enum lp_heap_status small_alloc(struct lp_cache *cache, unsigned int cls, bool wait,
				       void **block)
{
	struct lp_cache_slot *slot = &cache->slot[cls];
	enum lp_heap_status status;
	struct lp_chain chain;

	if (cache->state == LP_CACHE_NEW)
		cache_open(cache);
	if (cache->state == LP_CACHE_CLOSED) {
		status = central_take(cls, 1, wait, &chain);
		if (status != LP_HEAP_OK)
			return status;
		chain.head->cookie = 0;
		*block = chain.head;
		return LP_HEAP_OK;
	}
	if (slot->spare) {
		slot->active = slot->spare;
		slot->spare = NULL;
		slot->room = 0;
	} else {
		status = central_take(cls, lp_class[cls].batch, wait, &chain);
		if (status != LP_HEAP_OK)
			return status;
		slot->active = chain.head;
		slot->room = lp_class[cls].batch - chain.count;
	}
	*block = lp_cache_take(cache, cls);
	return LP_HEAP_OK;
}

/* Give a valid block back, when the cache's active magazine is full. */
static enum lp_heap_status small_free(struct lp_cache *cache, unsigned int cls,
				      struct lp_block *block, bool wait)
{
	struct lp_cache_slot *slot = &cache->slot[cls];
	enum lp_heap_status status = LP_HEAP_OK;

	if (cache->state == LP_CACHE_NEW)
		cache_open(cache);
	if (cache->state == LP_CACHE_CLOSED) {
		block->cookie = lp_cookie(block);
		status = central_give(cls, (struct lp_chain){block, 1}, wait);
		if (status == LP_HEAP_BUSY)
			block->cookie = 0;
		return status;
	}
	if (!slot->room) {
		if (slot->spare) {
			struct lp_chain chain = {slot->spare, lp_class[cls].batch};

			status = central_give(cls, chain, wait);
			if (status != LP_HEAP_OK)
				return status;
		}
		slot->spare = slot->active;
		slot->active = NULL;
		slot->room = lp_class[cls].batch;
	}
	block->next = slot->active;
	block->cookie = lp_cookie(block);
	slot->active = block;
	slot->room--;
	return status;
}

/* What `pointer` is: OK with its class (LP_CLASSES: a large block), DIRECT, or what is bad. */
enum lp_heap_status lp_heap_check(const void *pointer, unsigned int *cls)
{
	const struct lp_segment *segment = lp_segment_of(pointer);
	const struct lp_block *block = pointer;
	uintptr_t address = (uintptr_t)pointer;
	uint32_t page, offset, kind;

	if (!lp_is_mapped(address)) {
		/* a direct block at a multiple of the segment's size has its header one before */
		if (address & (LP_SEGMENT_SIZE - 1) || !lp_is_mapped(address - LP_SEGMENT_SIZE))
			return LP_HEAP_FOREIGN;
		segment = (void *)(address - LP_SEGMENT_SIZE);
		return segment->user == pointer ? LP_HEAP_DIRECT : LP_HEAP_FOREIGN;
	}
	page = segment->page[lp_page_of(pointer)];
	kind = page & 0xff;
	if (kind == LP_PAGE_DIRECT)
		return segment->user == pointer ? LP_HEAP_DIRECT : LP_HEAP_INTERIOR;
	if (kind == LP_PAGE_LARGE) {
		*cls = LP_CLASSES;
		return address & (LP_PAGE_SIZE - 1) ? LP_HEAP_INTERIOR : LP_HEAP_OK;
	}
	if (kind == LP_PAGE_NONE || kind > LP_CLASSES)
		return LP_HEAP_NOT_ALLOCATED;
	*cls = kind - 1;
	offset = (address & (LP_SEGMENT_SIZE - 1)) - (page >> 16 << LP_PAGE_SHIFT);
	if (offset % lp_class[kind - 1].size)
		return LP_HEAP_INTERIOR;
	return block->cookie == lp_cookie(block) ? LP_HEAP_DOUBLE_FREE : LP_HEAP_OK;
}

static size_t pages_of(size_t size)
{
	return (size + LP_PAGE_SIZE - 1) >> LP_PAGE_SHIFT;
}

enum lp_heap_status lp_heap_alloc(struct lp_cache *cache, size_t size, size_t align, bool wait,
				  void **block, bool *zeroed)
{
	size_t pages = 1, align_pages = 1;
	unsigned int cls;

	*zeroed = false;
	cache_settle(cache, wait);
	if (size <= LP_SMALL_MAX && align <= LP_PAGE_SIZE) {
		/* blocks are multiples of their size into a span, which starts at a page */
		for (cls = lp_class_of(size); cls < LP_CLASSES; cls++) {
			if (!(lp_class[cls].size & (align - 1))) {
				*block = lp_cache_take(cache, cls);
				return *block ? LP_HEAP_OK : small_alloc(cache, cls, wait, block);
			}
		}
	}
	if (size > LP_LARGE_PAGES << LP_PAGE_SHIFT || align > LP_LARGE_PAGES << LP_PAGE_SHIFT)
		return LP_HEAP_DIRECT;
	if (size)
		pages = pages_of(size);
	if (align > LP_PAGE_SIZE)
		align_pages = align >> LP_PAGE_SHIFT;
	if (pages + align_pages - 1 > LP_LARGE_PAGES)
		return LP_HEAP_DIRECT;
	return lp_pages_take(pages, align_pages, wait, block, zeroed);
}

enum lp_heap_status lp_heap_free(struct lp_cache *cache, void *pointer, bool wait)
{
	enum lp_heap_status status;
	unsigned int cls;

	cache_settle(cache, wait);
	status = lp_heap_check(pointer, &cls);
	if (status != LP_HEAP_OK)
		return status;
	if (cls == LP_CLASSES)
		return lp_pages_give(pointer, wait);
	return small_free(cache, cls, pointer, wait);
}

enum lp_heap_status lp_heap_usable(const void *pointer, size_t *size)
{
	enum lp_heap_status status;
	unsigned int cls;

	status = lp_heap_check(pointer, &cls);
	if (status != LP_HEAP_OK)
		return status;
	if (cls == LP_CLASSES)
		*size = (size_t)lp_segment_of(pointer)->span[lp_page_of(pointer)].pages
			<< LP_PAGE_SHIFT;
	else
		*size = lp_class[cls].size;
	return LP_HEAP_OK;
}

enum lp_heap_status lp_heap_resize(void *pointer, size_t size, bool wait)
{
	enum lp_heap_status status;
	unsigned int cls;
	size_t room;

	status = lp_heap_check(pointer, &cls);
	if (status != LP_HEAP_OK)
		return status;
	if (cls == LP_CLASSES) {
		if (size > LP_RUN_PAGES << LP_PAGE_SHIFT)
			return LP_HEAP_NO_ROOM;
		return lp_pages_resize(pointer, size ? pages_of(size) : 1, wait);
	}
	/* a block that shrinks to less than half moves, unless that gains next to nothing */
	room = lp_class[cls].size;
	if (size <= room && (size >= room / 2 || room <= 128))
		return LP_HEAP_OK;
	return LP_HEAP_NO_ROOM;
}

void lp_heap_flush(struct lp_cache *cache, bool close)
{
	cache_settle(cache, true);
	for (unsigned int cls = 0; cls < LP_CLASSES; cls++) {
		struct lp_cache_slot *slot = &cache->slot[cls];
		struct lp_chain active = {slot->active, lp_class[cls].batch - slot->room};
		struct lp_chain spare = {slot->spare, lp_class[cls].batch};

		slot->active = NULL;
		slot->spare = NULL;
		slot->room = close ? 0 : lp_class[cls].batch;
		if (active.head)
			central_give(cls, active, true);
		if (spare.head)
			central_give(cls, spare, true);
	}
	cache->state = close ? LP_CACHE_CLOSED : LP_CACHE_OPENED;
}

enum lp_heap_status lp_heap_try_malloc(struct lp_cache *cache, size_t size, void **block)
{
	bool zeroed;

	return lp_heap_alloc(cache, size, LP_MIN_ALIGN, false, block, &zeroed);
}

enum lp_heap_status lp_heap_try_calloc(struct lp_cache *cache, size_t count, size_t size,
				       void **block)
{
	enum lp_heap_status status;
	bool zeroed;
	size_t bytes;

	if (__builtin_mul_overflow(count, size, &bytes))
		return LP_HEAP_DIRECT; /* where it fails as it should */
	status = lp_heap_alloc(cache, bytes, LP_MIN_ALIGN, false, block, &zeroed);
	if (status == LP_HEAP_OK && !zeroed)
		__builtin_memset(*block, 0, bytes);
	return status;
}

enum lp_heap_status lp_heap_try_realloc(struct lp_cache *cache, void *pointer, size_t size,
					void **block)
{
	enum lp_heap_status status;
	struct lp_block *old = pointer;
	size_t room;

	if (!pointer)
		return lp_heap_try_malloc(cache, size, block);
	if (!size)
		return LP_HEAP_DIRECT; /* frees and returns NULL, or not: as the application's libc
					*/
	status = lp_heap_resize(pointer, size, false);
	if (status != LP_HEAP_NO_ROOM) {
		*block = pointer;
		return status;
	}
	status = lp_heap_usable(pointer, &room);
	if (status != LP_HEAP_OK)
		return status;
	status = lp_heap_try_malloc(cache, size, block);
	if (status != LP_HEAP_OK)
		return status;
	__builtin_memcpy(*block, pointer, room < size ? room : size);
	if (!lp_cache_give(cache, old) && lp_heap_free(cache, old, false) != LP_HEAP_OK) {
		/* it has moved already: leave the old block to the next call that may wait */
		old->next = cache->deferred;
		old->cookie = lp_cookie(old);
		cache->deferred = old;
	}
	return LP_HEAP_OK;
}

enum lp_heap_status lp_heap_try_free(struct lp_cache *cache, void *pointer)
{
	if (!pointer || lp_cache_give(cache, pointer))
		return LP_HEAP_OK;
	return lp_heap_free(cache, pointer, false);
}

void lp_heap_lock_all(void)
{
	for (unsigned int cls = 0; cls < LP_CLASSES; cls++)
		lp_lock(&lp_heap.central[cls].lock, true);
	lp_lock(&lp_heap.page_lock, true);
}

void lp_heap_unlock_all(bool child)
{
	/* in the child nobody waits: the waiters are the parent's threads */
	if (child) {
		__atomic_store_n(&lp_heap.page_lock, 0, __ATOMIC_RELEASE);
		for (unsigned int cls = 0; cls < LP_CLASSES; cls++)
			__atomic_store_n(&lp_heap.central[cls].lock, 0, __ATOMIC_RELEASE);
		return;
	}
	lp_unlock(&lp_heap.page_lock);
	for (unsigned int cls = LP_CLASSES; cls--;)
		lp_unlock(&lp_heap.central[cls].lock);
}
