/* SPDX-License-Identifier: GPL-2.0-only WITH GCC-exception-2.0 */
/*
 * One heap that both sides can run: the application's threads, and Elite on the same memory.
 *
 *   thread cache    per thread, per size class: two magazines of free blocks. No lock.
 *   central lists   per size class: a depot of whole magazines, and spans that are cut into blocks.
 *   page runs       in segments of 16 MiB: best fit, coalescing. Blocks over 32 KiB come from here.
 *   direct          over about 8 MiB: a mapping each (user side only, heap/map.c).
 *
 * The core (heap/lock.c below pages.c below central.c) makes no system call, needs no libc and no
 * floating point, and never waits unless it is told that it may. What only the user side can do
 * (map a segment, wait for a lock) it reports by a status, *with nothing changed*: user space does
 * it and asks again, Elite in the kernel deopts before the call instead.
 *
 * Locks, in the order in which they may be taken: one central list's, then the page runs'.
 */
#ifndef LP_ALLOC_H
#define LP_ALLOC_H

#ifdef __KERNEL__
#include <linux/types.h>
#else
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#endif

#define LP_PAGE_SHIFT 12
#define LP_PAGE_SIZE ((size_t)1 << LP_PAGE_SHIFT)
#define LP_SEGMENT_SHIFT 24
#define LP_SEGMENT_SIZE ((size_t)1 << LP_SEGMENT_SHIFT)
#define LP_SEGMENT_PAGES (1 << (LP_SEGMENT_SHIFT - LP_PAGE_SHIFT))
#define LP_ADDRESS_BITS 47 /* of user addresses, with four-level page tables */
#define LP_MAP_WORDS ((size_t)1 << (LP_ADDRESS_BITS - LP_SEGMENT_SHIFT - 6))

#define LP_CLASSES 40
#define LP_SMALL_MAX ((size_t)32768)
#define LP_MIN_ALIGN ((size_t)16)
#define LP_DEPOT_CHAINS 8

#define LP_HIDDEN __attribute__((visibility("hidden")))
/* Of the core's functions: a file that includes the core to have a copy of its own says `static`.
 */
#ifndef LP_CORE
#define LP_CORE LP_HIDDEN
#endif
#define LP_LIKELY(x) __builtin_expect(!!(x), 1)
#define LP_UNLIKELY(x) __builtin_expect(!!(x), 0)

/* What a core function answers. Everything but LP_HEAP_OK means: nothing was changed. */
enum lp_heap_status {
	LP_HEAP_OK,
	LP_HEAP_BUSY,	       /* a lock is held, and the caller may not wait */
	LP_HEAP_REFILL,	       /* no pages left: lp_heap_add_segment(), then again */
	LP_HEAP_DIRECT,	       /* a block with a mapping of its own: the user side's business */
	LP_HEAP_NO_ROOM,       /* a block cannot be resized where it is */
	LP_HEAP_FOREIGN,       /* bad pointer: not in this heap */
	LP_HEAP_NOT_ALLOCATED, /* bad pointer: in this heap, but no block that is in use */
	LP_HEAP_INTERIOR,      /* bad pointer: inside a block, not at its start */
	LP_HEAP_DOUBLE_FREE,   /* bad pointer: the block is free already */
};

/*
 * A block while it is free. The cookie is unique to the heap and the block, and is erased when the
 * block is handed out, so finding it in a block that is being freed proves a double free.
 */
struct lp_block {
	struct lp_block *next;
	uintptr_t cookie;
};

/* One size class of a thread cache: magazines of lp_class[].batch blocks each. */
struct lp_cache_slot {
	struct lp_block *active; /* taken from and added to */
	struct lp_block *spare;	 /* a full magazine, or none */
	uint32_t room;		 /* blocks that `active` can still take; 0 also: not set up */
	uint32_t reserved;
};

enum lp_cache_state {
	LP_CACHE_NEW,	 /* all zero: as a thread finds it */
	LP_CACHE_OPENED, /* in use */
	LP_CACHE_CLOSED, /* the thread is ending: each call goes to the central lists */
};

struct lp_cache {
	struct lp_cache_slot slot[LP_CLASSES];
	struct lp_block *deferred; /* blocks whose free had to wait; see lp_heap_try_realloc() */
	uint32_t state;		   /* enum lp_cache_state */
	uint32_t reserved;
};

/* A run of pages; indexed by its first page within the segment. */
struct lp_span {
	struct lp_span *next; /* in a bin of free runs, or among a class's spans with free blocks */
	struct lp_span *prev;
	struct lp_block *free; /* of a span: blocks that came back */
	uint16_t pages;	       /* length of the run */
	uint16_t used;	 /* of a span: blocks that are out (in use, in a cache or in a depot) */
	uint16_t carved; /* of a span: blocks that were ever out; the rest is untouched */
	uint16_t listed; /* of a span: it is among its class's spans with free blocks */
};

/* What a page is, the low byte of lp_segment.page[]; 1 to LP_CLASSES is a page of class n - 1. */
enum lp_page_kind {
	LP_PAGE_NONE = 0,    /* inside a large block or a free run, or a header */
	LP_PAGE_FREE = 253,  /* first or last of a free run */
	LP_PAGE_LARGE = 254, /* first of a large block */
	LP_PAGE_DIRECT = 255,
};

/* The header of 16 MiB of address space, at their start; of a direct block, only its fields. */
struct lp_segment {
	void *map; /* direct: what was mapped */
	size_t map_size;
	void *user; /* direct: the block */
	uint64_t reserved[5];
	uint64_t
	    dirty[LP_SEGMENT_PAGES / 64]; /* pages that may hold data (else: zero, not there) */
	uint32_t page[LP_SEGMENT_PAGES];  /* lp_page_kind | first page of its run << 16 */
	struct lp_span span[LP_SEGMENT_PAGES];
};

#define LP_HEADER_PAGES ((sizeof(struct lp_segment) + LP_PAGE_SIZE - 1) >> LP_PAGE_SHIFT)
#define LP_RUN_PAGES ((size_t)LP_SEGMENT_PAGES - LP_HEADER_PAGES)
#define LP_LARGE_PAGES (LP_RUN_PAGES / 2) /* blocks above are direct */

struct lp_chain {
	struct lp_block *head;
	size_t count;
};

/* A size class's central list. */
struct lp_central {
	uint32_t lock;
	uint32_t chains;
	struct lp_chain depot[LP_DEPOT_CHAINS];
	struct lp_span *spans; /* those that have free blocks */
} __attribute__((aligned(64)));

struct lp_heap {
	struct lp_central central[LP_CLASSES];

	uint32_t page_lock __attribute__((aligned(64))); /* guards all below but the map */
	uint32_t empty_segments;			 /* of full size, with no run in use */
	size_t bytes;					 /* of all segments */
	size_t used_pages;
	size_t dirty_pages; /* that are free */
	size_t dirty_least; /* the least of these since the user side set it */
	size_t fresh_pages; /* all that ever went into use and were not there yet */
	uint64_t bin_words; /* bit n: bins[n] is not zero */
	uint64_t bins[LP_SEGMENT_PAGES / 64];
	struct lp_span *bin[LP_SEGMENT_PAGES]; /* free runs by their length in pages */

	uintptr_t secret __attribute__((aligned(64))); /* of the cookies; set once */
	uint64_t map[LP_MAP_WORDS]; /* bit n: at n * 16 MiB is a header of ours; atomic */
};

/* The heap: in the executable, at the same address for both sides. */
extern LP_HIDDEN struct lp_heap lp_heap;

/*
 * Size classes: 16 to 128 in steps of 16, then four to a doubling. A span has a whole number of
 * pages that its blocks fill without waste (but for 48, 80, 96 and 112). `magic` divides by
 * size / 16: n is a multiple if and only if n * magic, modulo 2^32, is below magic (Lemire, Kaser,
 * Kurz: Faster remainder by direct computation, 2019); it holds for n below 2^16.
 */
struct lp_class {
	uint32_t magic;
	uint32_t size;	   /* bytes */
	uint16_t batch;	   /* blocks of a magazine */
	uint16_t pages;	   /* of a span */
	uint16_t capacity; /* blocks of a span */
	uint16_t reserved;
};

extern LP_HIDDEN const struct lp_class lp_class[LP_CLASSES];

/* In: 0 to LP_SMALL_MAX bytes. Out: the smallest class that holds them. */
static inline unsigned int lp_class_of(size_t size)
{
	size_t last = size - !!size;
	unsigned int log2;

	if (LP_LIKELY(size <= 128))
		return last >> 4;
	log2 = 63 - __builtin_clzl(last);
	return 8 + (log2 - 7) * 4 + (last >> (log2 - 2) & 3);
}

static inline uintptr_t lp_cookie(const void *block)
{
	return (uintptr_t)block ^ lp_heap.secret;
}

/* Whether a header of ours is at the 16 MiB that `address` is in. */
static inline bool lp_is_mapped(uintptr_t address)
{
	uintptr_t number = address >> LP_SEGMENT_SHIFT;

	if (LP_UNLIKELY(address >> LP_ADDRESS_BITS))
		return false;
	return __atomic_load_n(&lp_heap.map[number / 64], __ATOMIC_RELAXED) >> number % 64 & 1;
}

static inline struct lp_segment *lp_segment_of(const void *pointer)
{
	return (struct lp_segment *)((uintptr_t)pointer & ~(LP_SEGMENT_SIZE - 1));
}

static inline unsigned int lp_page_of(const void *pointer)
{
	return ((uintptr_t)pointer & (LP_SEGMENT_SIZE - 1)) >> LP_PAGE_SHIFT;
}

/* The common case of malloc: a block of `class` from the thread cache, or NULL. */
static inline void *lp_cache_take(struct lp_cache *cache, unsigned int cls)
{
	struct lp_cache_slot *slot = &cache->slot[cls];
	struct lp_block *block = slot->active;

	if (LP_UNLIKELY(!block))
		return NULL;
	slot->active = block->next;
	slot->room++;
	block->cookie = 0;
	return block;
}

/* The common case of free: true if `pointer` went to the thread cache; else lp_heap_free(). */
static inline bool lp_cache_give(struct lp_cache *cache, void *pointer)
{
	struct lp_block *block = pointer;
	struct lp_cache_slot *slot;
	struct lp_segment *segment;
	unsigned int cls;
	uint32_t page, offset, magic;

	if (LP_UNLIKELY(!lp_is_mapped((uintptr_t)pointer)))
		return false;
	segment = lp_segment_of(pointer);
	page = segment->page[lp_page_of(pointer)];
	cls = (page & 0xff) - 1;
	if (LP_UNLIKELY(cls >= LP_CLASSES))
		return false;
	offset = ((uintptr_t)pointer & (LP_SEGMENT_SIZE - 1)) - (page >> 16 << LP_PAGE_SHIFT);
	magic = lp_class[cls].magic;
	slot = &cache->slot[cls];
	if (LP_UNLIKELY((offset & 15) || (offset >> 4) * magic > magic - 1 || !slot->room ||
			block->cookie == lp_cookie(block)))
		return false;
	block->next = slot->active;
	block->cookie = lp_cookie(block);
	slot->active = block;
	slot->room--;
	return true;
}

/*
 * The core's calls. `wait`: the caller may wait for a lock (user space only; in the kernel it is
 * ignored). A cache belongs to one running thread of control at a time.
 */

/* A block of at least `size` bytes at a multiple of `align` (a power of two); `*zeroed`: it is
 * known to hold zeros. May answer BUSY, REFILL, DIRECT. */
LP_CORE enum lp_heap_status lp_heap_alloc(struct lp_cache *cache, size_t size, size_t align,
					  bool wait, void **block, bool *zeroed);

/* Give `pointer` back. May answer BUSY, DIRECT, or what is bad about the pointer. */
LP_CORE enum lp_heap_status lp_heap_free(struct lp_cache *cache, void *pointer, bool wait);

/* Bytes that the block at `pointer` can hold. May answer DIRECT, or what is bad about it. */
LP_CORE enum lp_heap_status lp_heap_usable(const void *pointer, size_t *size);

/* Make the block hold `size` bytes without moving it. May answer BUSY, DIRECT, NO_ROOM, or what is
 * bad about the pointer. */
LP_CORE enum lp_heap_status lp_heap_resize(void *pointer, size_t size, bool wait);

/* Give all of the cache's blocks to the central lists and close it (for a thread that ends) or
 * leave it open. */
LP_CORE void lp_heap_flush(struct lp_cache *cache, bool close);

/* Forms for a side that can neither wait nor map: they answer BUSY, REFILL or DIRECT with nothing
 * changed. `*block` is as malloc, calloc or realloc returns it, never NULL for a size of 0. */
LP_CORE enum lp_heap_status lp_heap_try_malloc(struct lp_cache *cache, size_t size, void **block);
LP_CORE enum lp_heap_status lp_heap_try_calloc(struct lp_cache *cache, size_t count, size_t size,
					       void **block);
LP_CORE enum lp_heap_status lp_heap_try_realloc(struct lp_cache *cache, void *pointer, size_t size,
						void **block);
LP_CORE enum lp_heap_status lp_heap_try_free(struct lp_cache *cache, void *pointer);

/* Between the layers of the core. */
LP_CORE bool lp_lock(uint32_t *lock, bool wait);
LP_CORE void lp_unlock(uint32_t *lock);
LP_CORE enum lp_heap_status lp_pages_take(size_t pages, size_t align_pages, bool wait, void **run,
					  bool *zeroed);
LP_CORE enum lp_heap_status lp_pages_give(void *run, bool wait);
LP_CORE enum lp_heap_status lp_pages_give_span(struct lp_span *span, bool wait);
LP_CORE enum lp_heap_status lp_pages_resize(void *run, size_t pages, bool wait);
LP_CORE enum lp_heap_status lp_heap_check(const void *pointer, unsigned int *cls);
LP_CORE void lp_central_drain(void);

/*
 * For the user side.
 */

/* Add a segment: `size` bytes of zeros (at most LP_SEGMENT_SIZE, more than the header) at a
 * multiple of LP_SEGMENT_SIZE. */
LP_CORE void lp_heap_add_segment(void *base, size_t size);

/* Take out a segment of full size with nothing in use, if there are more than `keep`; or NULL. */
LP_CORE void *lp_heap_take_segment(size_t keep);

/* Take the longest free run of at least `pages` that may hold data out of the heap, so that its
 * memory can be given to the system; then lp_heap_give_clean() it. NULL: there is none. */
LP_CORE void *lp_heap_take_dirty(size_t pages, size_t *length);
LP_CORE void lp_heap_give_clean(void *run);

/* Tell that a header of ours is, or is no more, at `base` (a multiple of LP_SEGMENT_SIZE). */
LP_CORE void lp_heap_set_mapped(const void *base, bool mapped);

/* The calling thread's cache, whose blocks come back when the thread ends (heap/malloc.c). */
LP_HIDDEN struct lp_cache *lp_heap_thread_cache(void);

/* Around fork(): no lock of the heap is held by another thread in between. The child, where the
 * other threads are gone, says so. */
LP_CORE void lp_heap_lock_all(void);
LP_CORE void lp_heap_unlock_all(bool child);

/*
 * What a side must provide, besides lp_heap (user space: heap/side.c).
 */

/* Sleep until woken, if `*lock` is still 2. Not needed in the kernel. */
LP_HIDDEN void lp_side_wait(uint32_t *lock);

/* Wake one that sleeps for `lock` (a futex, private to the application's address space). */
LP_HIDDEN void lp_side_wake(uint32_t *lock);

#endif
