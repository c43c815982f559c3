// SPDX-License-Identifier: GPL-2.0-only
/* A key-value server over UDP. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "server.h"

enum { INITIAL_BUCKETS = 1024 };

static volatile sig_atomic_t stop;

static void on_signal(int number)
{
	(void)number;
	stop = 1;
}

static int open_socket(unsigned short port)
{
	/* Wakes the loop now and then: a signal may come just before recvfrom blocks. */
	const struct timeval patience = {.tv_usec = 200000};
	struct sockaddr_in address = {
	    .sin_family = AF_INET,
	    .sin_port = htons(port),
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) < 0 ||
	    bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
		int error = errno;

		close(fd);
		errno = error;
		return -1;
	}
	return fd;
}

/* Tell where we listen: with `-p 0` only the system knows the port. */
static int announce(int fd)
{
	struct sockaddr_in address;
	socklen_t length = sizeof(address);

	if (getsockname(fd, (struct sockaddr *)&address, &length) < 0)
		return -1;
	printf("listening on 127.0.0.1:%d\n", ntohs(address.sin_port));
	return fflush(stdout) == 0 ? 0 : -1;
}

static int parse_port(const char *text, unsigned short *port)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);

	if (*text < '0' || *text > '9' || *end || value > 65535)
		return -1;
	*port = (unsigned short)value;
	return 0;
}

int main(int argc, char **argv)
{
	struct sigaction action = {.sa_handler = on_signal};
	static struct server server;
	unsigned short port = 7411;
	int option;
	int result;

	while ((option = getopt(argc, argv, "p:")) != -1) {
		if (option != 'p' || parse_port(optarg, &port) < 0) {
			fprintf(stderr, "usage: %s [-p PORT]\n", argv[0]);
			return 2;
		}
	}
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);

	register_commands(&server);
	server.socket = open_socket(port);
	if (server.socket < 0 || !table_init(&server.table, INITIAL_BUCKETS) ||
	    announce(server.socket) < 0) {
		fprintf(stderr, "%s: %s\n", argv[0], strerror(errno));
		return 1;
	}
	result = serve(&server, &stop);
	if (result < 0)
		fprintf(stderr, "%s: %s\n", argv[0], strerror(errno));
	table_destroy(&server.table);
	close(server.socket);
	return result < 0;
}
