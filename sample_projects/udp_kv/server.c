// SPDX-License-Identifier: GPL-2.0-only
#include "server.h"

#include <errno.h>
#include <sys/socket.h>

static void fail(struct server *server, struct reply *reply, const char *reason)
{
	server->counters.errors++;
	reply_string(reply, "ERROR ");
	reply_string(reply, reason);
}

size_t handle_request(struct server *server, const char *datagram, size_t length, char *buffer)
{
	struct reply reply = {buffer, 0};
	struct request request;
	const char *error;

	/* Counted before anything is known about the request: it must happen exactly once. */
	server->counters.requests++;

	error = parse_request(&request, datagram, length);
	reply_text(&reply, request.id);
	reply_string(&reply, " ");
	if (error) {
		fail(server, &reply, error);
		return reply.length;
	}
	server->counters.by_method[request.method]++;
	server->commands[request.method]->run(server, &request, &reply);
	return reply.length;
}

int serve(struct server *server, const volatile sig_atomic_t *stop)
{
	char datagram[MAX_DATAGRAM];
	char reply[MAX_DATAGRAM];

	while (!*stop && !server->quit) {
		struct sockaddr_storage peer;
		socklen_t peer_length = sizeof(peer);
		ssize_t length;
		size_t reply_length;

		length = recvfrom(server->socket, datagram, sizeof(datagram), 0,
				  (struct sockaddr *)&peer, &peer_length);
		if (length < 0) {
			if (errno == EINTR || errno == EAGAIN)
				continue;
			return -1;
		}
		reply_length = handle_request(server, datagram, (size_t)length, reply);
		/* A client that has gone is no reason to stop: UDP promises it nothing. */
		if (sendto(server->socket, reply, reply_length, 0, (struct sockaddr *)&peer,
			   peer_length) < 0 &&
		    errno == EBADF)
			return -1;
	}
	return 0;
}
