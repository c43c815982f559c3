/* SPDX-License-Identifier: GPL-2.0-only */
/* An event loop over epoll: each descriptor has an object that says what to do with it. */
#ifndef LOOP_H
#define LOOP_H

#include <signal.h>
#include <stdint.h>

struct event {
	void (*handle)(struct event *event, uint32_t ready);
	int fd;
};

struct loop {
	int epoll;
	const volatile sig_atomic_t *stop;
};

/* All three: 0, or -1 with errno. */
int loop_init(struct loop *loop, const volatile sig_atomic_t *stop);
int loop_add(struct loop *loop, struct event *event, uint32_t interest);
int loop_change(struct loop *loop, struct event *event, uint32_t interest);
/* Until *stop; 0, or -1 with errno. */
int run_loop(struct loop *loop);

#endif
