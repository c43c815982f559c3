// SPDX-License-Identifier: GPL-2.0-only
/* A session with the driver, from U's side: what each of the driver's tests begins with. */
#ifndef SESSION_H
#define SESSION_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/types.h>

#include "lakeplacid.h"
#include "selftest.h"

#define DEVICE "/dev/lakeplacid"
#define STACK_SIZE 65536

struct session {
	int fd;
	pid_t body;
	char *stack;
};

/* Ends the test when it does not hold. */
#define CHECK(condition)                                                                           \
	do {                                                                                       \
		if (!(condition))                                                                  \
			check_failed(__FILE__, __LINE__, #condition);                              \
	} while (0)

_Noreturn void check_failed(const char *file, int line, const char *condition);

struct lp_attach attach_request(void);
/* Start E as a child; the caller awaits it. */
pid_t start_body(int fd);
/* Open, attach, start E, await it. */
void begin(struct session *session);
/* Detach, close, reap E. */
void finish(struct session *session);

/* The call's outcome: 0 with *result, or -1 with errno. */
int ask(struct session *session, uint32_t operation, uint64_t a, uint64_t b, uint64_t c, uint64_t d,
	uint64_t *result);
/* The same, when it must succeed. */
uint64_t must(struct session *session, uint32_t operation, uint64_t a, uint64_t b, uint64_t c,
	      uint64_t d);
struct lp_counters counters(struct session *session);

#endif
