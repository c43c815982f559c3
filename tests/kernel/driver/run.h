// SPDX-License-Identifier: GPL-2.0-only
/* RUN from U's side: a frame on the session's stack, registers, and what came of them. */
#ifndef RUN_H
#define RUN_H

#include "lp_slot.h"
#include "session.h"

/* Where the frame that enters would return to; nothing is there. */
#define RETURN_ADDRESS 0x30000000
/* What a program of an ordinary kind may have set, of the flags. */
#define USER_FLAGS 0x8d5
#define ALWAYS_FLAGS 0x202

struct outcome {
	int error; /* errno; 0: the rest is good */
	uint32_t reason;
	uint64_t site;
	uint64_t rsp;
	struct lp_registers registers;
};

/* Registers that can be told from each other. */
struct lp_registers some_registers(void);
/* A frame with nothing but its return address on top of the session's stack, these registers below
 * it, and what RUN is asked then. */
struct lp_run prepare(struct session *session, uint64_t entry, const struct lp_registers *given);
/* Where that return address lies: %rsp when Elite is entered. */
uint64_t *frame_of(struct session *session);
/* RUN; registers as they are where it says. */
struct outcome go(struct session *session, struct lp_run *run);
/* Both. */
struct outcome run(struct session *session, uint64_t entry, const struct lp_registers *given);

/* All but target are the same. */
bool same_registers(const struct lp_registers *a, const struct lp_registers *b);
/* No word of it could be an address in the kernel. */
bool is_clean(const void *from, size_t size);

/* How much budget there is; the driver fills it. */
extern int64_t budget;

#endif
