// SPDX-License-Identifier: GPL-2.0-only
/* A loop around select() over many connections, with a table of handlers by command. */
#include "serving.h"

#include <sys/select.h>

struct command {
	const char *name;
	int (*run)(const char *rest, char *reply, size_t room);
};

static int run_score(const char *rest, char *reply, size_t room)
{
	return snprintf(reply, room, "%lu\n", score(rest, 300));
}

static int run_length(const char *rest, char *reply, size_t room)
{
	return snprintf(reply, room, "%zu\n", strlen(rest));
}

static const struct command commands[] = {{"GET", run_score}, {"LEN", run_length}};

static int dispatch(const char *line, char *reply, size_t room)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (!strncmp(line, commands[i].name, 3))
			return commands[i].run(line + 3, reply, room);
	return snprintf(reply, room, "what?\n");
}

/* Returns 0 when the client has gone. */
static int serve_connection(int client)
{
	char line[256], reply[64];
	ssize_t length = read(client, line, sizeof(line) - 1);

	if (length <= 0)
		return 0;
	line[length] = 0;
	length = dispatch(line, reply, sizeof(reply));
	return write(client, reply, (size_t)length) == length;
}

int main(void)
{
	int listener = bound(SOCK_STREAM), most = listener;
	fd_set known;

	FD_ZERO(&known);
	FD_SET(listener, &known);
	for (;;) {
		fd_set ready = known;

		if (select(most + 1, &ready, NULL, NULL, NULL) < 0)
			continue;
		for (int fd = 0; fd <= most; fd++) {
			if (!FD_ISSET(fd, &ready))
				continue;
			if (fd == listener) {
				int client = accept(listener, NULL, NULL);

				FD_SET(client, &known);
				most = client > most ? client : most;
			} else if (!serve_connection(fd)) {
				FD_CLR(fd, &known);
				close(fd);
			}
		}
	}
}
