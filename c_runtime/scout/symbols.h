/* SPDX-License-Identifier: GPL-2.0-only WITH GCC-exception-2.0 */
/* Names of functions for traces: what an indirect call was seen to call. */
#ifndef LP_SCOUT_SYMBOLS_H
#define LP_SCOUT_SYMBOLS_H

#include <stddef.h>

/*
 * Write the name of the function at `address` to `name`: "file.c:name" for a local symbol of the
 * executable, "name" for a global one or one of a shared library, "?" where it has none. Returns
 * its length. Not safe against itself in several threads before the first call has returned.
 */
size_t lp_scout_symbol(const void *address, char *name, size_t bytes);

#endif
