// SPDX-License-Identifier: GPL-2.0-only
#include "loop.h"

#include <errno.h>
#include <sys/epoll.h>

enum { EVENTS_AT_ONCE = 16, PATIENCE_MS = 200 };

int loop_init(struct loop *loop, const volatile sig_atomic_t *stop)
{
	loop->stop = stop;
	loop->epoll = epoll_create1(EPOLL_CLOEXEC);
	return loop->epoll < 0 ? -1 : 0;
}

int loop_add(struct loop *loop, struct event *event, uint32_t interest)
{
	struct epoll_event wanted = {.events = interest, .data.ptr = event};

	return epoll_ctl(loop->epoll, EPOLL_CTL_ADD, event->fd, &wanted);
}

int loop_change(struct loop *loop, struct event *event, uint32_t interest)
{
	struct epoll_event wanted = {.events = interest, .data.ptr = event};

	return epoll_ctl(loop->epoll, EPOLL_CTL_MOD, event->fd, &wanted);
}

int run_loop(struct loop *loop)
{
	struct epoll_event events[EVENTS_AT_ONCE];

	while (!*loop->stop) {
		int count = epoll_wait(loop->epoll, events, EVENTS_AT_ONCE, PATIENCE_MS);

		if (count < 0 && errno != EINTR)
			return -1;
		for (int i = 0; i < count; i++) {
			struct event *event = events[i].data.ptr;

			event->handle(event, events[i].events);
		}
	}
	return 0;
}
