/* SPDX-License-Identifier: GPL-2.0-only */
/* Echoes datagrams. Its request calls what the library computes: difftime and strdup. */
#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

static volatile sig_atomic_t stopped;
static time_t begun;

static void stop(int number)
{
	(void)number;
	stopped = 1;
}

static int handle(int fd)
{
	struct sockaddr_in from;
	socklen_t size = sizeof(from);
	char text[512], *copy;
	ssize_t got = recvfrom(fd, text, sizeof(text) - 1, 0, (struct sockaddr *)&from, &size);

	if (got <= 0)
		return 0;
	text[got] = 0;
	if (difftime(time(NULL), begun) < 0)
		text[0] = '!';
	copy = strdup(text);
	if (!copy)
		return 0;
	got = sendto(fd, copy, strlen(copy), 0, (struct sockaddr *)&from, size);
	free(copy);
	return got > 0;
}

int main(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(address);
	struct sigaction action = {.sa_handler = stop};
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	sigaction(SIGTERM, &action, NULL);
	begun = time(NULL);
	if (bind(fd, (struct sockaddr *)&address, size) ||
	    getsockname(fd, (struct sockaddr *)&address, &size))
		return 1;
	printf("listening on 127.0.0.1:%d\n", ntohs(address.sin_port));
	fflush(stdout);
	while (!stopped)
		handle(fd);
	return 0;
}
