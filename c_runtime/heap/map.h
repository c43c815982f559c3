/* SPDX-License-Identifier: GPL-2.0-only WITH GCC-exception-2.0 */
/* The heap's user side: memory from the system and back. None of these changes errno. */
#ifndef LP_ALLOC_MAP_H
#define LP_ALLOC_MAP_H

#include "heap/heap.h"

/* Add a segment with a run of at least `least` bytes (at most LP_LARGE_PAGES pages) to the heap;
 * false: the system has no memory for us. */
LP_HIDDEN bool lp_map_segment(size_t least);

/* Give memory to the system if much of it is free. Cheap when there is nothing to do. */
LP_HIDDEN void lp_map_tidy(void);

/* Give all free memory to the system that can be given (depots too); true if there was any. */
LP_HIDDEN bool lp_map_trim(void);

/* Blocks with a mapping of their own (LP_HEAP_DIRECT). NULL: no memory. */
LP_HIDDEN void *lp_direct_alloc(size_t size, size_t align, bool *zeroed);

/* Free one; false: another thread did so meanwhile. */
LP_HIDDEN bool lp_direct_free(void *pointer);

/* Bytes that it can hold. */
LP_HIDDEN size_t lp_direct_usable(const void *pointer);

/* Make it hold `size` bytes, moving its pages (not their contents) if need be. NULL: it cannot be
 * done so, and nothing was changed. */
LP_HIDDEN void *lp_direct_resize(void *pointer, size_t size);

/* Bytes in direct blocks that are in use. */
LP_HIDDEN size_t lp_direct_bytes(void);

/* Around fork(), like lp_heap_lock_all(). */
LP_HIDDEN void lp_map_lock(void);
LP_HIDDEN void lp_map_unlock(bool child);

#endif
