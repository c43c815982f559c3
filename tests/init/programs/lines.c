// SPDX-License-Identifier: GPL-2.0-only
/* A blocking server with a thread for each connection: lines in, lines out. It says its port. */
#include <netinet/in.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int read_line(int fd, char *line, size_t room)
{
	ssize_t got = read(fd, line, room - 1);

	if (got <= 0)
		return 0;
	while (got && (line[got - 1] == '\n' || line[got - 1] == '\r'))
		got--;
	line[got] = 0;
	return 1;
}

static unsigned long score(const char *word)
{
	unsigned long sum = 5381;

	while (*word)
		sum = sum * 33 + (unsigned char)*word++;
	return sum;
}

static size_t answer(const char *line, char *reply, size_t room)
{
	unsigned long sum = 0;

	for (int i = 0; i < 10; i++)
		sum += score(line + (size_t)i % (strlen(line) + 1));
	return (size_t)snprintf(reply, room, "%lu\n", sum);
}

static void send_all(int fd, const char *data, size_t length)
{
	while (length) {
		ssize_t sent = write(fd, data, length);

		if (sent <= 0)
			return;
		data += sent;
		length -= (size_t)sent;
	}
}

static void *talk(void *argument)
{
	int fd = (int)(intptr_t)argument;
	char line[512], reply[512];

	while (read_line(fd, line, sizeof(line))) {
		size_t length = answer(line, reply, sizeof(reply));

		send_all(fd, reply, length);
	}
	close(fd);
	return NULL;
}

int main(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	socklen_t length = sizeof(address);
	int listener = socket(AF_INET, SOCK_STREAM, 0);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (bind(listener, (struct sockaddr *)&address, length) < 0 || listen(listener, 16) < 0 ||
	    getsockname(listener, (struct sockaddr *)&address, &length) < 0)
		return 1;
	printf("%d\n", ntohs(address.sin_port));
	fflush(stdout);
	for (;;) {
		int fd = accept(listener, NULL, NULL);
		pthread_t thread;

		if (fd >= 0 && pthread_create(&thread, NULL, talk, (void *)(intptr_t)fd) == 0)
			pthread_detach(thread);
	}
}
