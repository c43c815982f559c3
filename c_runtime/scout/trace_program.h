/* SPDX-License-Identifier: GPL-2.0-only WITH GCC-exception-2.0 */
/* What the running program is, for traces and for people. */
#ifndef LP_TRACE_PROGRAM_H
#define LP_TRACE_PROGRAM_H

enum { LP_TRACE_PROGRAM_ID = 2 * 20 + 1 }; /* of a build id: hexadecimal digits, and a NUL */

/* Write the build id of the running program to `id`, by which the tools know it whatever it is
 * called now; "" where it has none. Asks only for memory that is mapped already. */
void lp_trace_program_id(char id[LP_TRACE_PROGRAM_ID]);

/* Write `text` to standard error where LP_ELITE asks for what only a specialised program has. */
void lp_trace_say_what_it_is(const char *text);

#endif
