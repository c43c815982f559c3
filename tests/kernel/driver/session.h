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
#define PAGE 4096
#define KERNEL_HALF 0xffff800000000000ULL

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

/* A test: it returns when it holds. */
struct test {
	const char *name;
	void (*run)(void);
};
#define TEST(name)                                                                                 \
	{                                                                                          \
#name, name                                                                        \
	}

/* The tests of other files; the last has no name. */
extern const struct test run_tests[], fault_tests[], fuzz_tests[];

/* How much of a test that can last: what the command line says, else as much as is usual. */
extern uint64_t amount_asked;
uint64_t amount(uint64_t usual);

/* Seconds. */
double now(void);
/* Memory that was not touched yet. */
char *map_pages(size_t count);
/* Wait for a child to end; its status. */
int ended(pid_t pid, int options);
/* Wait until no process has this id; it is not our child, but our subreaper's business. */
void until_gone(pid_t pid);
/* An ioctl's errno, or 0. */
int ioctl_error(int fd, unsigned long command, void *argument);

struct lp_attach attach_request(void);
/* Start E as a child; the caller awaits it. */
pid_t start_body(int fd);
/* On a file of the driver's: attach to the application of that name, start E, await it. */
void begin_with(struct session *session, int fd, const char *name);
/* The same, on a file that it opens. */
void begin_as(struct session *session, const char *name);
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
