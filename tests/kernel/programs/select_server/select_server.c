/* SPDX-License-Identifier: GPL-2.0-only */
/* Answers datagrams with their sender's address; its loop waits by select. */
#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/select.h>
#include <sys/socket.h>

static volatile sig_atomic_t stopped;

static void stop(int number)
{
	(void)number;
	stopped = 1;
}

static int handle(int fd)
{
	char text[512];
	struct sockaddr_in from;
	socklen_t size = sizeof(from);

	if (recvfrom(fd, text, sizeof(text), 0, (struct sockaddr *)&from, &size) <= 0)
		return -1;
	inet_ntop(AF_INET, &from.sin_addr, text, sizeof(text));
	sendto(fd, text, strlen(text), 0, (struct sockaddr *)&from, size);
	return 0;
}

int main(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(address);
	struct sigaction action = {.sa_handler = stop};
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	sigaction(SIGTERM, &action, NULL);
	if (bind(fd, (struct sockaddr *)&address, size) ||
	    getsockname(fd, (struct sockaddr *)&address, &size))
		return 1;
	printf("listening on 127.0.0.1:%d\n", ntohs(address.sin_port));
	fflush(stdout);
	while (!stopped) {
		fd_set readable;

		FD_ZERO(&readable);
		FD_SET(fd, &readable);
		if (select(fd + 1, &readable, NULL, NULL, NULL) > 0)
			handle(fd);
	}
	return 0;
}
