// SPDX-License-Identifier: GPL-2.0-only
/* Forks for each connection, reads it byte by byte, and ends the child in the handler. */
#include "serving.h"

#include <poll.h>
#include <signal.h>

static char read_byte(int client)
{
	char byte = 0;

	return read(client, &byte, 1) == 1 ? byte : 0;
}

static void read_line(int client, char *line, int room)
{
	int length = 0;

	while (length < room - 1) {
		line[length] = read_byte(client);
		if (line[length] == '\n' || !line[length])
			break;
		length++;
	}
	line[length] = 0;
}

static int answer(const char *line, char *reply, size_t room)
{
	return snprintf(reply, room, "%lu\n", score(line, 300));
}

static void serve_client(int client)
{
	struct pollfd ready = {.fd = client, .events = POLLIN};
	char line[256], reply[64];
	int length;

	poll(&ready, 1, 1000);
	read_line(client, line, sizeof(line));
	length = answer(line, reply, sizeof(reply));
	if (write(client, reply, (size_t)length) < 0)
		_exit(1);
	_exit(0);
}

int main(void)
{
	int listener = bound(SOCK_STREAM);

	signal(SIGCHLD, SIG_IGN);
	for (;;) {
		int client = accept(listener, NULL, NULL);

		if (fork() == 0)
			serve_client(client);
		close(client);
	}
}
