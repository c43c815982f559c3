// SPDX-License-Identifier: GPL-2.0-only
#define _GNU_SOURCE /* accept4 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "http.h"

static void drop(struct connection *connection)
{
	close(connection->event.fd);
	free(connection);
}

/* Send what there is to send. False: the connection is gone, or waits until it can take more. */
static bool flush(struct connection *connection)
{
	while (connection->sent < connection->to_send) {
		ssize_t sent = send(connection->event.fd, connection->output + connection->sent,
				    connection->to_send - connection->sent, MSG_NOSIGNAL);

		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0 && errno == EAGAIN) {
			loop_change(connection->loop, &connection->event, EPOLLOUT);
			return false;
		}
		if (sent < 0) {
			drop(connection);
			return false;
		}
		connection->sent += (size_t)sent;
	}
	connection->sent = 0;
	connection->to_send = 0;
	if (connection->last) {
		drop(connection);
		return false;
	}
	return true;
}

static void refuse(struct connection *connection, struct reply *reply)
{
	static const struct request closing = {.method = {"GET", 3}};

	reply_status(reply, &closing, "400 Bad Request", text_of("no HTTP request\n"));
	connection->last = true;
}

/* Serve the requests that have come in whole. */
static bool serve_requests(struct connection *connection)
{
	for (;;) {
		struct reply reply = {connection->output, 0, sizeof(connection->output)};
		struct request request;

		switch (parse_request(&request, connection->input, connection->received)) {
		case INCOMPLETE:
			if (connection->received < REQUEST_MAX)
				return true;
			/* fall through */
		case MALFORMED:
			refuse(connection, &reply);
			connection->received = 0;
			break;
		case PARSED:
			route_request(&request, &reply);
			connection->last = !request.keep_alive;
			connection->received -= request.size;
			memmove(connection->input, connection->input + request.size,
				connection->received);
			break;
		}
		connection->to_send = reply.length;
		if (!flush(connection))
			return false;
	}
}

static void serve_connection(struct event *event, uint32_t ready)
{
	struct connection *connection = (struct connection *)event;
	ssize_t received;

	if (ready & EPOLLOUT) {
		if (flush(connection) && serve_requests(connection))
			loop_change(connection->loop, event, EPOLLIN);
		return;
	}
	received = recv(event->fd, connection->input + connection->received,
			REQUEST_MAX - connection->received, 0);
	if (received < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (received <= 0) {
		drop(connection);
		return;
	}
	connection->received += (size_t)received;
	serve_requests(connection);
}

static void accept_connection(struct event *event, uint32_t ready)
{
	struct listener *listener = (struct listener *)event;
	int fd = accept4(event->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC), on = 1;
	struct connection *connection;

	(void)ready;
	if (fd < 0)
		return;
	connection = calloc(1, sizeof(*connection));
	if (!connection) {
		close(fd);
		return;
	}
	connection->event = (struct event){serve_connection, fd};
	connection->loop = listener->loop;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (loop_add(connection->loop, &connection->event, EPOLLIN) < 0)
		drop(connection);
}

int listen_on(struct listener *listener, unsigned short port, struct loop *loop)
{
	struct event *event = &listener->event;
	struct sockaddr_in address = {
	    .sin_family = AF_INET,
	    .sin_port = htons(port),
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	socklen_t length = sizeof(address);
	int on = 1;

	event->handle = accept_connection;
	event->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	listener->loop = loop;
	if (event->fd < 0 || setsockopt(event->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
	    bind(event->fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
	    listen(event->fd, 128) < 0 || loop_add(loop, event, EPOLLIN) < 0 ||
	    getsockname(event->fd, (struct sockaddr *)&address, &length) < 0)
		return -1;
	return ntohs(address.sin_port);
}
