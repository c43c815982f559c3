// SPDX-License-Identifier: GPL-2.0-only
/* RUN from U's side: a frame on the session's stack, registers, and what came of them. */
#ifndef RUN_H
#define RUN_H

#include "dispatch/slot.h"
#include "session.h"

/* Where the frame that enters would return to; nothing is there. */
#define RETURN_ADDRESS 0x30000000
/* What a program of an ordinary kind may have set, of the flags. */
#define USER_FLAGS 0x8d5
#define ALWAYS_FLAGS 0x202

#define PLACE(name) LP_SELFTEST_PLACE(LP_PLACE_##name)
#define COUNT(array) (sizeof(array) / sizeof(*(array)))
#define SLOT_STACK 32768

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

/* What LP_ENTRY_COUNT wants: times, where. */
struct lp_registers counting(uint64_t times, uint64_t *at);
/* What LP_ENTRY_CALL wants: a system call. */
struct lp_registers calling(long number, uint64_t a, uint64_t b, uint64_t c, uint64_t d);
/* A slot, by its head, with SLOT_STACK bytes of stack below. */
char *map_slot(void);
/* What LP_ENTRY_SWITCH wants; how 0: it counts in `word`, 1: it leaves. */
struct lp_registers switching(char *slot, uint64_t how);
/* A child in the middle of runs that do not end, of LP_ENTRY_COUNT or of LP_ENTRY_CALL; its pid and
 * E's. */
pid_t running_process(pid_t *body, uint64_t entry);

/* All but target are the same. */
bool same_registers(const struct lp_registers *a, const struct lp_registers *b);
/* No word of it could be an address in the kernel. */
bool is_clean(const void *from, size_t size);

/* What is worked on. */
extern uint64_t word;
/* How much budget there is; the driver fills it. */
extern int64_t budget;

/* Elite left at a site with these registers; U goes on at its place. */
#define CHECK_LEFT(got, why, place, expected)                                                      \
	do {                                                                                       \
		const struct outcome left = (got);                                                 \
		CHECK(left.error == 0);                                                            \
		CHECK(left.reason == (why));                                                       \
		CHECK(left.registers.target == (void *)PLACE(place));                              \
		CHECK(left.site == LP_SELFTEST_SITE(LP_PLACE_##place));                            \
		CHECK(same_registers(&left.registers, &(expected)));                               \
	} while (0)

/* It came to its end. */
#define CHECK_EXIT(got)                                                                            \
	do {                                                                                       \
		const struct outcome ended = (got);                                                \
		CHECK(ended.error == 0);                                                           \
		CHECK(ended.reason == LP_RUN_EXIT);                                                \
		CHECK(ended.registers.target == (void *)RETURN_ADDRESS);                           \
		CHECK(ended.site == 0);                                                            \
	} while (0)

#endif
