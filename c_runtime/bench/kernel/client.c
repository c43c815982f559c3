// SPDX-License-Identifier: GPL-2.0-only WITH GCC-exception-2.0
/*
 * A client that is as little as can be: `client udp|tcp PORT ROUNDS REQUEST ANSWER` sends the
 * request, waits for the answer's bytes, and so on; prints the nanoseconds that a round takes.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

/* In place: `\r` and `\n` as two characters each. */
static size_t unescape(char *text)
{
	char *to = text;

	for (char *from = text; *from; from++) {
		if (*from == '\\' && from[1]) {
			from++;
			*to++ = *from == 'r' ? '\r' : *from == 'n' ? '\n' : *from;
		} else {
			*to++ = *from;
		}
	}
	*to = 0;
	return (size_t)(to - text);
}

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static void round_trip(int fd, const char *request, size_t size, const char *answer, size_t length)
{
	char buffer[4096];
	size_t got = 0;

	if (send(fd, request, size, 0) != (ssize_t)size)
		fail("send");
	while (got < length) {
		ssize_t more = recv(fd, buffer + got, sizeof(buffer) - got, 0);

		if (more <= 0)
			fail("recv");
		got += (size_t)more;
	}
	if (got != length || memcmp(buffer, answer, length)) {
		fprintf(stderr, "wrong answer: %.*s\n", (int)got, buffer);
		exit(1);
	}
}

int main(int argc, char **argv)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	size_t size, length;
	double begin;
	int fd, on = 1, tcp;
	long count;

	if (argc != 6) {
		fprintf(stderr, "usage: %s udp|tcp PORT ROUNDS REQUEST ANSWER\n", argv[0]);
		return 2;
	}
	tcp = !strcmp(argv[1], "tcp");
	address.sin_port = htons((unsigned short)strtol(argv[2], NULL, 10));
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	count = strtol(argv[3], NULL, 10);
	size = unescape(argv[4]);
	length = unescape(argv[5]);
	fd = socket(AF_INET, tcp ? SOCK_STREAM : SOCK_DGRAM, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)))
		fail("connect");
	if (tcp)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	for (long i = 0; i < 20; i++)
		round_trip(fd, argv[4], size, argv[5], length);
	begin = now();
	for (long i = 0; i < count; i++)
		round_trip(fd, argv[4], size, argv[5], length);
	printf("%.1f\n", (now() - begin) / (double)count);
	return 0;
}
