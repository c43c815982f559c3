// SPDX-License-Identifier: GPL-2.0-only WITH GCC-exception-2.0
/*
 * Page runs: best fit within segments of 16 MiB, with coalescing. Core: see heap/heap.h.
 *
 * A free run is in the bin of its length and marked by LP_PAGE_FREE on its first and its last page,
 * and on no other page: so the neighbours of a run that is given back are found by one look each.
 */
#include "heap/heap.h"

static uint32_t page_get(const struct lp_segment *segment, size_t page)
{
	return __atomic_load_n(&segment->page[page], __ATOMIC_RELAXED);
}

/* Free calls of other threads read marks without the lock; theirs do not change meanwhile. */
static void page_set(struct lp_segment *segment, size_t page, uint32_t kind, size_t first)
{
	__atomic_store_n(&segment->page[page], kind | (uint32_t)first << 16, __ATOMIC_RELAXED);
}

static bool page_is_free(const struct lp_segment *segment, size_t page)
{
	return (page_get(segment, page) & 0xff) == LP_PAGE_FREE;
}

static size_t page_first(const struct lp_segment *segment, size_t page)
{
	return page_get(segment, page) >> 16;
}

/* The bits of word `word` that are pages of [first, first + pages). */
static uint64_t range_mask(size_t word, size_t first, size_t pages)
{
	size_t begin = word * 64, end = begin + 64;
	uint64_t mask = ~(uint64_t)0;

	if (first > begin)
		mask <<= first - begin;
	if (first + pages < end)
		mask &= ~(uint64_t)0 >> (end - (first + pages));
	return mask;
}

/* __builtin_popcountl() without -mpopcnt calls libgcc, which the kernel has not. */
static size_t count_bits(uint64_t bits)
{
	size_t count = 0;

	for (; bits; bits &= bits - 1)
		count++;
	return count;
}

static size_t dirty_count(const struct lp_segment *segment, size_t first, size_t pages)
{
	size_t word, count = 0;

	for (word = first / 64; word <= (first + pages - 1) / 64; word++) {
		uint64_t mask = range_mask(word, first, pages);

		if ((segment->dirty[word] & mask) == ~(uint64_t)0)
			count += 64;
		else
			count += count_bits(segment->dirty[word] & mask);
	}
	return count;
}

static void dirty_set(struct lp_segment *segment, size_t first, size_t pages, bool dirty)
{
	size_t word;

	for (word = first / 64; word <= (first + pages - 1) / 64; word++) {
		if (dirty)
			segment->dirty[word] |= range_mask(word, first, pages);
		else
			segment->dirty[word] &= ~range_mask(word, first, pages);
	}
}

/* Put a run, whose neighbours are not free, into its bin. */
static void bin_add(struct lp_segment *segment, size_t first, size_t pages)
{
	struct lp_span *span = &segment->span[first];

	span->pages = pages;
	span->prev = NULL;
	span->next = lp_heap.bin[pages];
	if (span->next)
		span->next->prev = span;
	lp_heap.bin[pages] = span;
	lp_heap.bins[pages / 64] |= (uint64_t)1 << pages % 64;
	lp_heap.bin_words |= (uint64_t)1 << pages / 64;
	page_set(segment, first, LP_PAGE_FREE, first);
	page_set(segment, first + pages - 1, LP_PAGE_FREE, first);
	if (pages == LP_RUN_PAGES)
		lp_heap.empty_segments++;
}

static void bin_remove(struct lp_segment *segment, size_t first)
{
	struct lp_span *span = &segment->span[first];
	size_t pages = span->pages;

	if (span->next)
		span->next->prev = span->prev;
	if (span->prev)
		span->prev->next = span->next;
	else
		lp_heap.bin[pages] = span->next;
	if (!lp_heap.bin[pages]) {
		lp_heap.bins[pages / 64] &= ~((uint64_t)1 << pages % 64);
		if (!lp_heap.bins[pages / 64])
			lp_heap.bin_words &= ~((uint64_t)1 << pages / 64);
	}
	page_set(segment, first, LP_PAGE_NONE, 0);
	page_set(segment, first + pages - 1, LP_PAGE_NONE, 0);
	if (pages == LP_RUN_PAGES)
		lp_heap.empty_segments--;
}

/* The shortest free run of at least `pages`, or NULL. */
static struct lp_span *bin_find(size_t pages)
{
	size_t word = pages / 64;
	uint64_t bits, words;

	if (pages > LP_RUN_PAGES)
		return NULL;
	bits = lp_heap.bins[word] & ~(uint64_t)0 << pages % 64;
	if (!bits) {
		words = lp_heap.bin_words & ~(((uint64_t)2 << word) - 1);
		if (!words)
			return NULL;
		word = __builtin_ctzl(words);
		bits = lp_heap.bins[word];
	}
	return lp_heap.bin[word * 64 + __builtin_ctzl(bits)];
}

/* Pages [first, first + pages) go into use; out: whether they are known to be zero. */
static bool run_use(struct lp_segment *segment, size_t first, size_t pages)
{
	size_t dirty = dirty_count(segment, first, pages);

	lp_heap.dirty_pages -= dirty;
	if (lp_heap.dirty_pages < lp_heap.dirty_least)
		lp_heap.dirty_least = lp_heap.dirty_pages;
	lp_heap.fresh_pages += pages - dirty;
	lp_heap.used_pages += pages;
	dirty_set(segment, first, pages, true);
	segment->span[first].pages = pages;
	page_set(segment, first, LP_PAGE_LARGE, first);
	return !dirty;
}

/* Pages [first, first + pages), which are marked LP_PAGE_NONE, come out of use. */
static void run_free(struct lp_segment *segment, size_t first, size_t pages, bool dirty)
{
	size_t other;

	lp_heap.used_pages -= pages;
	if (dirty)
		lp_heap.dirty_pages += pages;
	else
		dirty_set(segment, first, pages, false);
	if (first + pages < LP_SEGMENT_PAGES && page_is_free(segment, first + pages)) {
		other = segment->span[first + pages].pages;
		bin_remove(segment, first + pages);
		pages += other;
	}
	if (first > LP_HEADER_PAGES && page_is_free(segment, first - 1)) {
		other = page_first(segment, first - 1);
		bin_remove(segment, other);
		pages += first - other;
		first = other;
	}
	bin_add(segment, first, pages);
}

/* A run of `pages` whose first is at a multiple of `align_pages` (a power of two). */
enum lp_heap_status lp_pages_take(size_t pages, size_t align_pages, bool wait, void **run,
				  bool *zeroed)
{
	struct lp_segment *segment;
	struct lp_span *span;
	size_t first, found, length;

	if (!lp_lock(&lp_heap.page_lock, wait))
		return LP_HEAP_BUSY;
	span = bin_find(pages + align_pages - 1);
	if (!span) {
		lp_unlock(&lp_heap.page_lock);
		return LP_HEAP_REFILL;
	}
	segment = lp_segment_of(span);
	found = span - segment->span;
	length = span->pages;
	first = (found + align_pages - 1) & ~(align_pages - 1);
	bin_remove(segment, found);
	if (first > found)
		bin_add(segment, found, first - found);
	if (first + pages < found + length)
		bin_add(segment, first + pages, found + length - first - pages);
	*zeroed = run_use(segment, first, pages);
	lp_unlock(&lp_heap.page_lock);
	*run = (char *)segment + (first << LP_PAGE_SHIFT);
	return LP_HEAP_OK;
}

/* Give back a large block. */
enum lp_heap_status lp_pages_give(void *run, bool wait)
{
	struct lp_segment *segment = lp_segment_of(run);
	size_t first = lp_page_of(run);

	if (!lp_lock(&lp_heap.page_lock, wait))
		return LP_HEAP_BUSY;
	if ((page_get(segment, first) & 0xff) != LP_PAGE_LARGE) {
		/* another thread has freed it since it was checked */
		lp_unlock(&lp_heap.page_lock);
		return LP_HEAP_DOUBLE_FREE;
	}
	page_set(segment, first, LP_PAGE_NONE, 0);
	run_free(segment, first, segment->span[first].pages, true);
	lp_unlock(&lp_heap.page_lock);
	return LP_HEAP_OK;
}

/* Give back a span, all of whose pages are marked with its class. */
enum lp_heap_status lp_pages_give_span(struct lp_span *span, bool wait)
{
	struct lp_segment *segment = lp_segment_of(span);
	size_t page, first = span - segment->span;

	if (!lp_lock(&lp_heap.page_lock, wait))
		return LP_HEAP_BUSY;
	for (page = first; page < first + span->pages; page++)
		page_set(segment, page, LP_PAGE_NONE, 0);
	run_free(segment, first, span->pages, true);
	lp_unlock(&lp_heap.page_lock);
	return LP_HEAP_OK;
}

/* Make a large block `pages` long where it is. */
enum lp_heap_status lp_pages_resize(void *run, size_t pages, bool wait)
{
	struct lp_segment *segment = lp_segment_of(run);
	size_t first = lp_page_of(run), old, next, more;

	if (!lp_lock(&lp_heap.page_lock, wait))
		return LP_HEAP_BUSY;
	old = segment->span[first].pages;
	next = first + old;
	if (pages > old) {
		more = next < LP_SEGMENT_PAGES && page_is_free(segment, next)
			   ? segment->span[next].pages
			   : 0;
		if (old + more < pages) {
			lp_unlock(&lp_heap.page_lock);
			return LP_HEAP_NO_ROOM;
		}
		bin_remove(segment, next);
		if (old + more > pages)
			bin_add(segment, first + pages, old + more - pages);
		run_use(segment, next, pages - old);
		page_set(segment, next, LP_PAGE_NONE, 0);
	} else if (pages < old) {
		run_free(segment, first + pages, old - pages, true);
	}
	segment->span[first].pages = pages;
	lp_unlock(&lp_heap.page_lock);
	return LP_HEAP_OK;
}

void lp_heap_set_mapped(const void *base, bool mapped)
{
	uintptr_t number = (uintptr_t)base >> LP_SEGMENT_SHIFT;
	uint64_t bit = (uint64_t)1 << number % 64;

	if (mapped)
		__atomic_fetch_or(&lp_heap.map[number / 64], bit, __ATOMIC_RELEASE);
	else
		__atomic_fetch_and(&lp_heap.map[number / 64], ~bit, __ATOMIC_RELEASE);
}

void lp_heap_add_segment(void *base, size_t size)
{
	lp_lock(&lp_heap.page_lock, true);
	lp_heap_set_mapped(base, true);
	lp_heap.bytes += size;
	/* the pages that a shorter segment lacks count as in use: none is ever marked free */
	bin_add(base, LP_HEADER_PAGES, (size >> LP_PAGE_SHIFT) - LP_HEADER_PAGES);
	lp_unlock(&lp_heap.page_lock);
}

void *lp_heap_take_segment(size_t keep)
{
	struct lp_segment *segment = NULL;

	lp_lock(&lp_heap.page_lock, true);
	if (lp_heap.empty_segments > keep) {
		segment = lp_segment_of(lp_heap.bin[LP_RUN_PAGES]);
		bin_remove(segment, LP_HEADER_PAGES);
		lp_heap.dirty_pages -= dirty_count(segment, LP_HEADER_PAGES, LP_RUN_PAGES);
		lp_heap.bytes -= LP_SEGMENT_SIZE;
		lp_heap_set_mapped(segment, false);
	}
	lp_unlock(&lp_heap.page_lock);
	return segment;
}

void *lp_heap_take_dirty(size_t pages, size_t *length)
{
	struct lp_segment *segment = NULL;
	struct lp_span *span;
	size_t bin, first = 0;
	void *run = NULL;

	lp_lock(&lp_heap.page_lock, true);
	for (bin = LP_RUN_PAGES; !run && bin >= pages; bin--) {
		for (span = lp_heap.bin[bin]; span; span = span->next) {
			segment = lp_segment_of(span);
			first = span - segment->span;
			if (dirty_count(segment, first, bin))
				break;
		}
		if (span) {
			bin_remove(segment, first);
			run_use(segment, first, bin);
			run = (char *)segment + (first << LP_PAGE_SHIFT);
			*length = bin << LP_PAGE_SHIFT;
		}
	}
	lp_unlock(&lp_heap.page_lock);
	return run;
}

void lp_heap_give_clean(void *run)
{
	struct lp_segment *segment = lp_segment_of(run);
	size_t first = lp_page_of(run);

	lp_lock(&lp_heap.page_lock, true);
	page_set(segment, first, LP_PAGE_NONE, 0);
	run_free(segment, first, segment->span[first].pages, false);
	lp_unlock(&lp_heap.page_lock);
}
