/* SPDX-License-Identifier: GPL-2.0-only WITH GCC-exception-2.0 */
/* Which functions the program calls, by what its objects ask the loader for. */
#ifndef LP_IMPORTS_H
#define LP_IMPORTS_H

#include <stdbool.h>

/*
 * Whether the program refers to function `name`, or, if libraries, anything that was loaded with
 * it. linked: whether a program that is linked statically has the function (a weak reference
 * tells); such a program is not looked into. Libraries that dlopen brings later are not seen. Not
 * GP.
 */
__attribute__((visibility("hidden"))) bool lp_imports(const char *name, bool libraries,
						      bool linked);

#endif
