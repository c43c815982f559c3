// SPDX-License-Identifier: GPL-2.0-only WITH GCC-exception-2.0
/*
 * malloc and its family for user space, in place of libc's: on the heap that Elite can run too.
 *
 * All of libc's names must be defined in this one object: a static link that found one of them only
 * in libc would take libc's whole malloc.o and end with multiple definitions.
 *
 * Differences to glibc that a program may see: mallopt() accepts everything and does nothing;
 * malloc_info() and malloc_stats() tell totals only; a bad pointer always aborts.
 */
#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "heap/map.h"

#define LP_EXPORT __attribute__((visibility("default")))
#define LP_SLOW __attribute__((noinline, cold))

/* In an executable: one instruction. The tests' shared library gives another model. */
#ifndef LP_TLS_MODEL
#define LP_TLS_MODEL "local-exec"
#endif

static __thread struct lp_cache lp_cache __attribute__((tls_model(LP_TLS_MODEL)));
static __thread bool lp_registering __attribute__((tls_model(LP_TLS_MODEL)));

static struct {
	uint32_t lock;	/* guards the key's making */
	uint32_t state; /* 0: not made yet, 1: there is a key, 2: there is none to be had */
	pthread_key_t key;
} lp_thread_end;

/* Print without stdio, which may be what called us. */
static void say(const char *text)
{
	/* nothing can be done if it fails: abort() follows in any case */
	(void)!write(STDERR_FILENO, text, strlen(text));
}

static _Noreturn LP_SLOW void bad_pointer(const char *function, const void *pointer,
					  enum lp_heap_status status)
{
	char address[] = "0x0000000000000000";
	uintptr_t value = (uintptr_t)pointer;

	for (char *digit = address + sizeof(address) - 2; value; value /= 16)
		*digit-- = "0123456789abcdef"[value % 16];
	say("lakeplacid: ");
	say(function);
	say(status == LP_HEAP_DOUBLE_FREE     ? "(): the block is free already (double free?): "
	    : status == LP_HEAP_INTERIOR      ? "(): not the start of a block: "
	    : status == LP_HEAP_NOT_ALLOCATED ? "(): not allocated, or freed already: "
					      : "(): not from this heap: ");
	say(address);
	say("\n");
	abort();
}

/* A thread ends: its cache's blocks go to the others. */
static void thread_end(void *cache)
{
	lp_heap_flush(cache, true);
}

/* See to it that thread_end() runs. Where it cannot, the blocks in the cache (a few hundred KiB)
 * are lost with the thread. */
static LP_SLOW void register_thread(void)
{
	/* pthread_setspecific() may call calloc() */
	if (lp_registering)
		return;
	lp_registering = true;
	lp_lock(&lp_thread_end.lock, true);
	if (!lp_thread_end.state)
		lp_thread_end.state = pthread_key_create(&lp_thread_end.key, thread_end) ? 2 : 1;
	lp_unlock(&lp_thread_end.lock);
	if (lp_thread_end.state == 1)
		pthread_setspecific(lp_thread_end.key, &lp_cache);
	lp_registering = false;
}

struct lp_cache *lp_heap_thread_cache(void)
{
	if (lp_cache.state == LP_CACHE_NEW)
		register_thread();
	return &lp_cache;
}

/* Before the first block: the cookies' secret. */
static void set_secret(void)
{
	int saved = errno;
	uintptr_t none = 0, secret;

	/* not random early at boot: then the address layout has to do */
	if (getrandom(&secret, sizeof(secret), GRND_NONBLOCK) != sizeof(secret))
		secret = (uintptr_t)&secret * 0x9e3779b97f4a7c15;
	errno = saved;
	__atomic_compare_exchange_n(&lp_heap.secret, &none, secret | 1, false, __ATOMIC_RELAXED,
				    __ATOMIC_RELAXED);
}

/* Bytes of the run that lacked when the heap answered REFILL: a span, or an aligned large block. */
static size_t refill_size(size_t size, size_t align)
{
	size_t span = LP_SMALL_MAX * 8;

	size = (size + LP_PAGE_SIZE - 1) & ~(LP_PAGE_SIZE - 1);
	if (align > LP_PAGE_SIZE)
		size += align;
	return size > span ? size : span;
}

/* A block, or NULL with errno. The slow path of everything that allocates. */
static __attribute__((noinline)) void *allocate(size_t size, size_t align, bool *zeroed)
{
	enum lp_heap_status status;
	bool trimmed = false;
	void *block;

	if (LP_UNLIKELY(size > PTRDIFF_MAX))
		goto none;
	if (LP_UNLIKELY(lp_cache.state == LP_CACHE_NEW))
		register_thread();
	for (;;) {
		status = lp_heap_alloc(&lp_cache, size, align, true, &block, zeroed);
		if (status == LP_HEAP_OK)
			return block;
		if (!lp_heap.secret)
			set_secret();
		if (status == LP_HEAP_DIRECT) {
			block = lp_direct_alloc(size, align, zeroed);
			if (block)
				return block;
		} else if (lp_map_segment(refill_size(size, align))) {
			continue;
		}
		if (trimmed || !lp_map_trim())
			break;
		trimmed = true;
	}
none:
	errno = ENOMEM;
	return NULL;
}

static __attribute__((noinline)) void release(void *pointer)
{
	enum lp_heap_status status;

	if (!pointer)
		return;
	if (LP_UNLIKELY(lp_cache.state == LP_CACHE_NEW))
		register_thread();
	status = lp_heap_free(&lp_cache, pointer, true);
	if (status == LP_HEAP_DIRECT)
		status = lp_direct_free(pointer) ? LP_HEAP_OK : LP_HEAP_DOUBLE_FREE;
	if (status != LP_HEAP_OK)
		bad_pointer("free", pointer, status);
	lp_map_tidy();
}

static size_t usable(const char *function, const void *pointer)
{
	enum lp_heap_status status;
	size_t size;

	status = lp_heap_usable(pointer, &size);
	if (status == LP_HEAP_DIRECT)
		return lp_direct_usable(pointer);
	if (status != LP_HEAP_OK)
		bad_pointer(function, pointer, status);
	return size;
}

LP_EXPORT void *malloc(size_t size)
{
	bool zeroed;
	void *block;

	if (LP_LIKELY(size <= LP_SMALL_MAX)) {
		block = lp_cache_take(&lp_cache, lp_class_of(size));
		if (LP_LIKELY(block != NULL))
			return block;
	}
	return allocate(size, LP_MIN_ALIGN, &zeroed);
}

LP_EXPORT void free(void *pointer)
{
	if (LP_LIKELY(lp_cache_give(&lp_cache, pointer)))
		return;
	release(pointer);
}

LP_EXPORT void *calloc(size_t count, size_t size)
{
	bool zeroed = false;
	void *block = NULL;
	size_t bytes;

	if (LP_UNLIKELY(__builtin_mul_overflow(count, size, &bytes))) {
		errno = ENOMEM;
		return NULL;
	}
	if (LP_LIKELY(bytes <= LP_SMALL_MAX))
		block = lp_cache_take(&lp_cache, lp_class_of(bytes));
	if (LP_UNLIKELY(!block))
		block = allocate(bytes, LP_MIN_ALIGN, &zeroed);
	if (block && !zeroed)
		memset(block, 0, bytes);
	return block;
}

LP_EXPORT void *realloc(void *pointer, size_t size)
{
	enum lp_heap_status status;
	void *block;
	size_t old;

	if (!pointer)
		return malloc(size);
	if (!size) {
		free(pointer); /* as glibc does */
		return NULL;
	}
	status = lp_heap_resize(pointer, size, true);
	if (status == LP_HEAP_OK)
		return pointer;
	if (status == LP_HEAP_DIRECT) {
		block = lp_direct_resize(pointer, size);
		if (block)
			return block;
	} else if (status != LP_HEAP_NO_ROOM) {
		bad_pointer("realloc", pointer, status);
	}
	old = usable("realloc", pointer);
	block = malloc(size);
	if (!block)
		return NULL;
	memcpy(block, pointer, old < size ? old : size);
	free(pointer);
	return block;
}

LP_EXPORT void *reallocarray(void *pointer, size_t count, size_t size)
{
	size_t bytes;

	if (__builtin_mul_overflow(count, size, &bytes)) {
		errno = ENOMEM;
		return NULL;
	}
	return realloc(pointer, bytes);
}

LP_EXPORT void *memalign(size_t align, size_t size)
{
	size_t power = LP_MIN_ALIGN;
	bool zeroed;

	/* glibc takes any alignment, and rounds it up */
	while (power < align) {
		if (power > PTRDIFF_MAX / 2) {
			errno = EINVAL;
			return NULL;
		}
		power *= 2;
	}
	if (power == LP_MIN_ALIGN)
		return malloc(size);
	return allocate(size, power, &zeroed);
}

LP_EXPORT void *aligned_alloc(size_t align, size_t size)
{
	return memalign(align, size);
}

LP_EXPORT int posix_memalign(void **result, size_t align, size_t size)
{
	int saved = errno;
	void *block;

	if (align % sizeof(void *) || !align || align & (align - 1))
		return EINVAL;
	block = memalign(align, size);
	errno = saved;
	if (!block)
		return ENOMEM;
	*result = block;
	return 0;
}

LP_EXPORT void *valloc(size_t size)
{
	return memalign(LP_PAGE_SIZE, size);
}

LP_EXPORT void *pvalloc(size_t size)
{
	if (size > PTRDIFF_MAX) {
		errno = ENOMEM;
		return NULL;
	}
	return memalign(LP_PAGE_SIZE, (size + LP_PAGE_SIZE - 1) & ~(LP_PAGE_SIZE - 1));
}

LP_EXPORT size_t malloc_usable_size(void *pointer)
{
	return pointer ? usable("malloc_usable_size", pointer) : 0;
}

/* `pad` is ignored: what can be given back is. */
LP_EXPORT int malloc_trim(size_t pad)
{
	(void)pad;
	if (lp_cache.state == LP_CACHE_OPENED)
		lp_heap_flush(&lp_cache, false);
	return lp_map_trim();
}

LP_EXPORT int mallopt(int parameter, int value)
{
	(void)parameter;
	(void)value;
	return 1;
}

/* Fields of glibc's that have no meaning here are 0; blocks in caches count as in use. */
LP_EXPORT struct mallinfo2 mallinfo2(void)
{
	size_t used = __atomic_load_n(&lp_heap.used_pages, __ATOMIC_RELAXED) << LP_PAGE_SHIFT;
	struct mallinfo2 info = {0};

	info.arena = __atomic_load_n(&lp_heap.bytes, __ATOMIC_RELAXED);
	info.hblkhd = lp_direct_bytes();
	info.uordblks = used + info.hblkhd;
	info.fordblks = info.arena > used ? info.arena - used : 0;
	return info;
}

LP_EXPORT struct mallinfo mallinfo(void)
{
	struct mallinfo2 wide = mallinfo2();
	struct mallinfo info = {0};

	/* wraps above 2 GiB, as glibc's does */
	info.arena = (int)wide.arena;
	info.hblkhd = (int)wide.hblkhd;
	info.uordblks = (int)wide.uordblks;
	info.fordblks = (int)wide.fordblks;
	return info;
}

LP_EXPORT void malloc_stats(void)
{
	struct mallinfo2 info = mallinfo2();

	fprintf(stderr, "Total (incl. mmap):\nsystem bytes     = %10zu\nin use bytes     = %10zu\n",
		info.arena + info.hblkhd, info.uordblks);
}

LP_EXPORT int malloc_info(int options, FILE *stream)
{
	struct mallinfo2 info = mallinfo2();

	if (options)
		return EINVAL;
	fprintf(stream,
		"<malloc version=\"1\">\n<system type=\"current\" size=\"%zu\"/>\n"
		"<total type=\"mmap\" size=\"%zu\"/>\n</malloc>\n",
		info.arena + info.hblkhd, info.hblkhd);
	return 0;
}

static void before_fork(void)
{
	lp_lock(&lp_thread_end.lock, true);
	lp_map_lock();
	lp_heap_lock_all();
}

static void after_fork_in_parent(void)
{
	lp_heap_unlock_all(false);
	lp_map_unlock(false);
	lp_unlock(&lp_thread_end.lock);
}

static void after_fork_in_child(void)
{
	lp_heap_unlock_all(true);
	lp_map_unlock(true);
	__atomic_store_n(&lp_thread_end.lock, 0, __ATOMIC_RELEASE);
}

/* Before all others' handlers, so that theirs can still allocate; hence ahead of all constructors,
 * which an executable (but no shared library) can have. */
static void register_fork(void)
{
	pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
}

#ifdef LP_ALLOC_SHARED
__attribute__((constructor(101))) static void at_load(void)
{
	register_fork();
}
#else
__attribute__((section(".preinit_array"),
	       used)) static void (*const at_start)(void) = register_fork;
#endif
