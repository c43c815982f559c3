/* SPDX-License-Identifier: GPL-2.0-only WITH GCC-exception-2.0 */
/*
 * Text to a file descriptor: async-signal-safe, without allocation and without vector registers.
 */
#ifndef LP_MESSAGE_H
#define LP_MESSAGE_H

#include <stddef.h>
#include <stdint.h>

#include "dispatch/slot.h"

struct lp_text {
	int fd;
	int error; /* errno of the first write that failed, else zero */
	size_t used;
	char bytes[512];
};

/* Set up; nothing is written before the buffer is full or lp_text_flush. */
LP_HIDDEN void lp_text_init(struct lp_text *text, int fd);
LP_HIDDEN void lp_text_put(struct lp_text *text, const char *string);
LP_HIDDEN void lp_text_put_number(struct lp_text *text, uint64_t number);
LP_HIDDEN void lp_text_put_address(struct lp_text *text, uint64_t address);
LP_HIDDEN void lp_text_put_json(struct lp_text *text, const char *string); /* quoted */
LP_HIDDEN void lp_text_flush(struct lp_text *text);

/* The user asked for what cannot be: "lakeplacid: WHAT", the remedy, and exit status 2. */
LP_HIDDEN _Noreturn void lp_refuse(const char *remedy, const char *what, ...)
    __attribute__((format(printf, 2, 3)));

/* Going on would be wrong: say why (what `text` holds so far) and abort. */
LP_HIDDEN _Noreturn void lp_die(struct lp_text *text);

#endif
