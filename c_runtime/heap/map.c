// SPDX-License-Identifier: GPL-2.0-only WITH GCC-exception-2.0
/*
 * The heap's user side: what needs system calls. They are made directly, so that errno stays and
 * that the heap works before libc is set up.
 */
#include <asm/unistd.h>
#include <linux/mman.h>

#include "heap/map.h"

/*
 * Free memory that we keep: segments with nothing in use; and pages that hold old data. Of these at
 * first little, a fixed number and a share of what is in use, as libc's heap gives a large block
 * back when it is freed. But where what was given back is soon in use again (LP_SOON), we keep
 * twice as much from then on, up to a limit; until for as long nobody needed it.
 */
#define LP_KEEP_SEGMENTS 2
#define LP_KEEP_DIRTY ((size_t)1 << 20 >> LP_PAGE_SHIFT)
#define LP_KEEP_SHARE 16
#define LP_KEEP_DIRTY_MOST ((size_t)32 << 20 >> LP_PAGE_SHIFT)
#define LP_KEEP_SHARE_MOST 4
/* Ticks of the processor's clock: some tenths of a second. */
#define LP_SOON ((uint64_t)1 << 29)
/* Shorter runs are not worth a system call each. */
#define LP_TIDY_PAGES 16

/* Freed direct blocks that wait for the next of their size, where that comes soon: number, and
 * bytes in all. */
#define LP_DIRECT_KEPT 8
#define LP_DIRECT_KEPT_BYTES ((size_t)32 << 20)

struct lp_kept {
	struct lp_segment *header;
	size_t size;
	uint64_t since;
};

static struct {
	uint32_t lock; /* guards kept */
	uint32_t tidying;
	size_t tidy_above; /* dirty pages that could not be given back last time */
	size_t direct_bytes;
	size_t kept_bytes;
	struct lp_kept kept[LP_DIRECT_KEPT];
	/* What was last given back: when, how many pages, and how many had come into use by then.
	 */
	uint64_t given_at;
	size_t given;
	size_t fresh_then;
	size_t direct_fresh;  /* pages of direct blocks that were mapped, ever */
	uint32_t doubled;     /* how often what is kept was */
	uint64_t least_since; /* when lp_heap.dirty_least was last set */
} lp_map;

/* System call `number` with up to six arguments; -errno on failure. */
static long call(long number, long a, long b, long c, long d, long e, long f)
{
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;
	long result;

	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return result;
}

/* `size` bytes of zeros; at `place` and nowhere else, if it is given. */
static void *map(void *place, size_t size)
{
	long result = call(__NR_mmap, (long)place, (long)size, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | (place ? MAP_FIXED_NOREPLACE : 0), -1, 0);

	return result < 0 && result > -4096 ? NULL : (void *)result;
}

static void unmap(void *base, size_t size)
{
	if (size)
		call(__NR_munmap, (long)base, (long)size, 0, 0, 0, 0);
}

/* `size` bytes of zeros from a base such that base + offset is a multiple of `align`, a power of
 * two of at least LP_SEGMENT_SIZE. */
static void *map_aligned(size_t size, size_t align, size_t offset)
{
	size_t total, before;
	char *base, *place;

	base = map(NULL, size);
	if (!base)
		return NULL;
	before = ((uintptr_t)base + offset) & (align - 1);
	if (!before)
		return base;
	unmap(base, size);
	/* the kernel fills addresses downwards, so a little lower there is room as a rule; and when
	 * there is not, with the limits that a process may have, room to choose from takes more */
	place = map(base - before, size);
	if (place == base - before)
		return place;
	unmap(place, place ? size : 0); /* before Linux 4.17 the place is a mere hint */
	if (__builtin_add_overflow(size, align - LP_PAGE_SIZE, &total))
		return NULL;
	base = map(NULL, total);
	if (!base)
		return NULL;
	before = -((uintptr_t)base + offset) & (align - 1);
	unmap(base, before);
	unmap(base + before + size, total - before - size);
	return base + before;
}

bool lp_map_segment(size_t least)
{
	/* near a limit of memory a shorter one will do */
	for (size_t size = LP_SEGMENT_SIZE;
	     size >= least + (LP_HEADER_PAGES << LP_PAGE_SHIFT) && size >= LP_SEGMENT_SIZE / 16;
	     size /= 2) {
		void *base = map_aligned(size, LP_SEGMENT_SIZE, 0);

		if (base) {
			lp_heap_add_segment(base, size);
			return true;
		}
	}
	return false;
}

static uint64_t ticks(void)
{
	return __builtin_ia32_rdtsc();
}

static size_t smaller(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* The number of free pages with old data above which some go back to the system, if what is kept
 * was doubled so often; at most: however often. */
static size_t limit_of(uint32_t doubled)
{
	size_t used = __atomic_load_n(&lp_heap.used_pages, __ATOMIC_RELAXED);

	return smaller((LP_KEEP_DIRTY + used / LP_KEEP_SHARE) << doubled,
		       LP_KEEP_DIRTY_MOST + used / LP_KEEP_SHARE_MOST);
}

static size_t dirty_limit(void)
{
	return limit_of(__atomic_load_n(&lp_map.doubled, __ATOMIC_RELAXED));
}

/* So many pages went back, or are about to: is it too soon? Threads may be here at once: what they
 * overwrite of each other is a guess in any case. */
static void note_given(size_t pages)
{
	size_t fresh = __atomic_load_n(&lp_heap.fresh_pages, __ATOMIC_RELAXED) +
		       __atomic_load_n(&lp_map.direct_fresh, __ATOMIC_RELAXED);
	uint64_t now = ticks();

	if (now - __atomic_load_n(&lp_map.given_at, __ATOMIC_RELAXED) < LP_SOON) {
		/* Soon again, and as much of it has come into use in between: a request's worth. */
		uint32_t doubled = __atomic_load_n(&lp_map.doubled, __ATOMIC_RELAXED);

		if (fresh - __atomic_load_n(&lp_map.fresh_then, __ATOMIC_RELAXED) >=
			__atomic_load_n(&lp_map.given, __ATOMIC_RELAXED) / 2 &&
		    limit_of(doubled) < limit_of(doubled + 1)) {
			__atomic_store_n(&lp_map.doubled, doubled + 1, __ATOMIC_RELAXED);
			__atomic_store_n(&lp_map.least_since, now, __ATOMIC_RELAXED);
			__atomic_store_n(&lp_heap.dirty_least, 0, __ATOMIC_RELAXED);
		}
	}
	__atomic_store_n(&lp_map.given_at, now, __ATOMIC_RELAXED);
	__atomic_store_n(&lp_map.given, pages, __ATOMIC_RELAXED);
	__atomic_store_n(&lp_map.fresh_then, fresh, __ATOMIC_RELAXED);
}

/* Give the system what is free until at most `dirty` pages hold old data and `segments` segments
 * have nothing in use. */
static bool give_back(size_t segments, size_t dirty, size_t pages)
{
	bool any = false;
	void *segment, *run;
	size_t length, given = 0;

	while ((segment = lp_heap_take_segment(segments))) {
		unmap(segment, LP_SEGMENT_SIZE);
		any = true;
	}
	while (__atomic_load_n(&lp_heap.dirty_pages, __ATOMIC_RELAXED) > dirty &&
	       (run = lp_heap_take_dirty(pages, &length))) {
		if (call(__NR_madvise, (long)run, (long)length, MADV_DONTNEED, 0, 0, 0)) {
			/* locked in memory (mlockall): it stays, with its data */
			lp_pages_give(run, true);
			break;
		}
		lp_heap_give_clean(run);
		given += length >> LP_PAGE_SHIFT;
		any = true;
	}
	if (given)
		note_given(given);
	return any;
}

/* Unmap the kept direct blocks that wait since `before` or longer; true if there were any. */
static bool kept_unmap(uint64_t before)
{
	bool any = false;

	lp_lock(&lp_map.lock, true);
	for (int n = 0; n < LP_DIRECT_KEPT; n++) {
		struct lp_kept *kept = &lp_map.kept[n];

		if (!kept->header || (int64_t)(kept->since - before) > 0)
			continue;
		lp_heap_set_mapped(kept->header, false);
		unmap(kept->header, kept->size);
		lp_map.kept_bytes -= kept->size;
		kept->header = NULL;
		any = true;
	}
	lp_unlock(&lp_map.lock);
	return any;
}

/* More is kept than at first: pages that nobody needed since we last looked, LP_SOON ago or longer;
 * from then on less is kept. */
static size_t unneeded(void)
{
	size_t dirty = __atomic_load_n(&lp_heap.dirty_pages, __ATOMIC_RELAXED), least;
	uint32_t doubled = __atomic_load_n(&lp_map.doubled, __ATOMIC_RELAXED);
	uint64_t now = ticks();

	if (now - __atomic_load_n(&lp_map.least_since, __ATOMIC_RELAXED) < LP_SOON)
		return 0;
	__atomic_store_n(&lp_map.least_since, now, __ATOMIC_RELAXED);
	kept_unmap(now - LP_SOON);
	least = smaller(__atomic_exchange_n(&lp_heap.dirty_least, dirty, __ATOMIC_RELAXED), dirty);
	if (least <= limit_of(0))
		return 0;
	if (doubled)
		__atomic_store_n(&lp_map.doubled, doubled - 1, __ATOMIC_RELAXED);
	return least - limit_of(0);
}

void lp_map_tidy(void)
{
	size_t above = __atomic_load_n(&lp_map.tidy_above, __ATOMIC_RELAXED);
	size_t goal = SIZE_MAX, dirty, left;

	if (LP_UNLIKELY(__atomic_load_n(&lp_map.doubled, __ATOMIC_RELAXED) ||
			__atomic_load_n(&lp_map.kept_bytes, __ATOMIC_RELAXED))) {
		left = unneeded();
		if (left)
			goal = __atomic_load_n(&lp_heap.dirty_pages, __ATOMIC_RELAXED) - left;
	}
	dirty = __atomic_load_n(&lp_heap.dirty_pages, __ATOMIC_RELAXED);
	if (LP_UNLIKELY(dirty > above + dirty_limit()))
		goal = smaller(goal, dirty_limit() / 2);
	if (LP_LIKELY(goal == SIZE_MAX && __atomic_load_n(&lp_heap.empty_segments,
							  __ATOMIC_RELAXED) <= LP_KEEP_SEGMENTS))
		return;
	if (__atomic_exchange_n(&lp_map.tidying, 1, __ATOMIC_ACQUIRE))
		return;
	give_back(LP_KEEP_SEGMENTS, goal, LP_TIDY_PAGES);
	/* what is left above the goal is in short runs: do not look for it again each time */
	left = __atomic_load_n(&lp_heap.dirty_pages, __ATOMIC_RELAXED);
	if (goal != SIZE_MAX)
		__atomic_store_n(&lp_map.tidy_above, left > goal ? left : 0, __ATOMIC_RELAXED);
	__atomic_store_n(&lp_map.tidying, 0, __ATOMIC_RELEASE);
}

bool lp_map_trim(void)
{
	bool any;

	lp_central_drain();
	any = give_back(0, 0, 1);
	return kept_unmap(ticks()) || any;
}

/*
 * A direct block: a header like a segment's (of which only two pages are ever touched), then the
 * block. One that is aligned to whole segments has its header in the segment before.
 */
static size_t direct_offset(size_t align)
{
	size_t header = LP_HEADER_PAGES << LP_PAGE_SHIFT;

	if (align >= LP_SEGMENT_SIZE)
		return LP_SEGMENT_SIZE;
	return align > LP_PAGE_SIZE ? (header + align - 1) & ~(align - 1) : header;
}

static struct lp_segment *direct_header(const void *pointer)
{
	uintptr_t address = (uintptr_t)pointer;

	return address & (LP_SEGMENT_SIZE - 1) ? lp_segment_of(pointer)
					       : (void *)(address - LP_SEGMENT_SIZE);
}

static void direct_mark(struct lp_segment *header, size_t offset, uint32_t kind)
{
	if (offset < LP_SEGMENT_SIZE)
		__atomic_store_n(&header->page[offset >> LP_PAGE_SHIFT], kind, __ATOMIC_RELAXED);
}

/* The kept mapping that fits best and is at most a quarter too long, or NULL. */
static struct lp_segment *kept_take(size_t size)
{
	struct lp_kept *best = NULL;
	struct lp_segment *header = NULL;

	lp_lock(&lp_map.lock, true);
	for (int n = 0; n < LP_DIRECT_KEPT; n++) {
		struct lp_kept *kept = &lp_map.kept[n];

		if (kept->header && kept->size >= size && kept->size <= size + size / 4 &&
		    (!best || kept->size < best->size))
			best = kept;
	}
	if (best) {
		header = best->header;
		lp_map.kept_bytes -= best->size;
		best->header = NULL;
	}
	lp_unlock(&lp_map.lock);
	return header;
}

/* Keep a mapping for the next block of its size; false: none is expected soon, or no place. */
static bool kept_give(struct lp_segment *header, size_t size)
{
	bool done = false;

	if (!__atomic_load_n(&lp_map.doubled, __ATOMIC_RELAXED))
		return false;
	lp_lock(&lp_map.lock, true);
	for (int n = 0; !done && n < LP_DIRECT_KEPT; n++) {
		if (lp_map.kept[n].header || lp_map.kept_bytes + size > LP_DIRECT_KEPT_BYTES)
			continue;
		lp_map.kept[n].header = header;
		lp_map.kept[n].size = size;
		lp_map.kept[n].since = ticks();
		lp_map.kept_bytes += size;
		done = true;
	}
	lp_unlock(&lp_map.lock);
	return done;
}

void *lp_direct_alloc(size_t size, size_t align, bool *zeroed)
{
	size_t offset = direct_offset(align);
	struct lp_segment *header = NULL;
	size_t total;

	*zeroed = false;
	size += !size; /* the block must lie within its mapping */
	if (size > PTRDIFF_MAX - LP_PAGE_SIZE || align > PTRDIFF_MAX ||
	    __builtin_add_overflow(size + LP_PAGE_SIZE - 1, offset, &total))
		return NULL;
	total &= ~(LP_PAGE_SIZE - 1);
	if (align <= LP_PAGE_SIZE)
		header = kept_take(total);
	if (!header) {
		/* the header at a multiple of LP_SEGMENT_SIZE, and the block at one of `align` */
		header = align > LP_SEGMENT_SIZE ? map_aligned(total, align, offset)
						 : map_aligned(total, LP_SEGMENT_SIZE, 0);
		if (!header)
			return NULL;
		header->map = header;
		header->map_size = total;
		__atomic_fetch_add(&lp_map.direct_fresh, total >> LP_PAGE_SHIFT, __ATOMIC_RELAXED);
		*zeroed = true;
	}
	__atomic_fetch_add(&lp_map.direct_bytes, header->map_size, __ATOMIC_RELAXED);
	header->user = (char *)header + offset;
	direct_mark(header, offset, LP_PAGE_DIRECT);
	lp_heap_set_mapped(header, true);
	return header->user;
}

bool lp_direct_free(void *pointer)
{
	struct lp_segment *header = direct_header(pointer);
	size_t offset = (char *)pointer - (char *)header;
	size_t size = header->map_size;

	if (__atomic_exchange_n(&header->user, NULL, __ATOMIC_ACQ_REL) != pointer)
		return false;
	__atomic_fetch_sub(&lp_map.direct_bytes, size, __ATOMIC_RELAXED);
	direct_mark(header, offset, LP_PAGE_NONE);
	note_given(size >> LP_PAGE_SHIFT);
	if (offset == direct_offset(1) && kept_give(header, size))
		return true;
	lp_heap_set_mapped(header, false);
	unmap(header, size);
	return true;
}

size_t lp_direct_usable(const void *pointer)
{
	const struct lp_segment *header = direct_header(pointer);

	return header->map_size - ((const char *)pointer - (const char *)header);
}

void *lp_direct_resize(void *pointer, size_t size)
{
	struct lp_segment *header = direct_header(pointer), *moved;
	size_t offset = (char *)pointer - (char *)header;
	size_t old = header->map_size, total;
	long result;

	if (size > PTRDIFF_MAX - LP_PAGE_SIZE || offset >= LP_SEGMENT_SIZE ||
	    size <= LP_LARGE_PAGES << LP_PAGE_SHIFT)
		return NULL;
	if (__builtin_add_overflow(size + LP_PAGE_SIZE - 1, offset, &total))
		return NULL;
	total &= ~(LP_PAGE_SIZE - 1);
	if (total <= old && total >= old / 2)
		return pointer;
	result = call(__NR_mremap, (long)header, (long)old, (long)total, 0, 0, 0);
	if (result < 0 && result > -4096) {
		/* elsewhere: the pages move, their contents are not copied */
		moved = map_aligned(total, LP_SEGMENT_SIZE, 0);
		if (!moved)
			return NULL;
		lp_heap_set_mapped(header, false);
		result = call(__NR_mremap, (long)header, (long)old, (long)total,
			      MREMAP_MAYMOVE | MREMAP_FIXED, (long)moved, 0);
		if (result < 0 && result > -4096) {
			lp_heap_set_mapped(header, true);
			unmap(moved, total);
			return NULL;
		}
		lp_heap_set_mapped(moved, true);
		header = moved;
	}
	header->map = header;
	header->map_size = total;
	header->user = (char *)header + offset;
	__atomic_fetch_add(&lp_map.direct_bytes, total - old, __ATOMIC_RELAXED);
	return header->user;
}

size_t lp_direct_bytes(void)
{
	return __atomic_load_n(&lp_map.direct_bytes, __ATOMIC_RELAXED);
}

void lp_map_lock(void)
{
	lp_lock(&lp_map.lock, true);
}

void lp_map_unlock(bool child)
{
	if (child) {
		__atomic_store_n(&lp_map.lock, 0, __ATOMIC_RELEASE);
		__atomic_store_n(&lp_map.tidying, 0, __ATOMIC_RELEASE);
	} else {
		lp_unlock(&lp_map.lock);
	}
}
