// SPDX-License-Identifier: GPL-2.0-only
/* Forks in a function of its own, in which the child goes on; a header by stdio, as HTTP has. */
#include "serving.h"

#include <signal.h>
#include <stdlib.h>

static void respond(FILE *client, const char *first)
{
	unsigned long worth = score(first, 300);

	fprintf(client, "HTTP/1.0 200 OK\r\n\r\n");
	fprintf(client, "%lu\n", worth);
	fflush(client);
}

static void handle_request(int fd)
{
	FILE *client = fdopen(fd, "r+");
	char first[256], line[256];

	if (!client || !fgets(first, sizeof(first), client))
		exit(1);
	while (fgets(line, sizeof(line), client) && line[0] != '\r' && line[0] != '\n')
		;
	fseek(client, 0, SEEK_CUR);
	respond(client, first);
}

static void new_client(int fd)
{
	if (fork() == 0) {
		handle_request(fd);
		exit(0);
	}
	close(fd);
}

int main(void)
{
	int listener = bound(SOCK_STREAM);

	signal(SIGCHLD, SIG_IGN);
	for (;;) {
		int client = accept(listener, NULL, NULL);

		if (client >= 0)
			new_client(client);
	}
}
