// SPDX-License-Identifier: GPL-2.0-only
/* Two threads with a loop of libevent each; its buffered events read and write. */
#include "serving.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/thread.h>
#include <pthread.h>
#include <stdlib.h>

static struct event_base *bases[2];

static void answer(struct bufferevent *client, const char *line)
{
	evbuffer_add_printf(bufferevent_get_output(client), "%lu\n", score(line, 300));
}

static void on_read(struct bufferevent *client, void *unused)
{
	char *line;

	(void)unused;
	while ((line = evbuffer_readln(bufferevent_get_input(client), NULL, EVBUFFER_EOL_LF))) {
		answer(client, line);
		free(line);
	}
}

static void on_event(struct bufferevent *client, short what, void *unused)
{
	(void)unused;
	if (what & (BEV_EVENT_EOF | BEV_EVENT_ERROR))
		bufferevent_free(client);
}

static void on_accept(evutil_socket_t listener, short what, void *unused)
{
	static int next;
	int fd = accept(listener, NULL, NULL);
	struct bufferevent *client;

	(void)what, (void)unused;
	if (fd < 0)
		return;
	evutil_make_socket_nonblocking(fd);
	client = bufferevent_socket_new(bases[next++ % 2], fd,
					BEV_OPT_CLOSE_ON_FREE | BEV_OPT_THREADSAFE);
	bufferevent_setcb(client, on_read, NULL, on_event, NULL);
	bufferevent_enable(client, EV_READ | EV_WRITE);
}

static void *run(void *base)
{
	event_base_loop(base, EVLOOP_NO_EXIT_ON_EMPTY);
	return NULL;
}

int main(void)
{
	int listener = bound(SOCK_STREAM);
	struct event_base *main_base;
	pthread_t thread;

	evthread_use_pthreads();
	main_base = event_base_new();
	for (int i = 0; i < 2; i++) {
		bases[i] = event_base_new();
		pthread_create(&thread, NULL, run, bases[i]);
	}
	event_add(event_new(main_base, listener, EV_READ | EV_PERSIST, on_accept, NULL), NULL);
	event_base_dispatch(main_base);
	return 0;
}
