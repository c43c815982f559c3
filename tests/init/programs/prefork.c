// SPDX-License-Identifier: GPL-2.0-only
/* Three processes that accept from one socket; a connection has one request. */
#define _GNU_SOURCE
#include "serving.h"

#include <signal.h>
#include <sys/prctl.h>

static void answer(int client, const char *line)
{
	char reply[64];
	int length = snprintf(reply, sizeof(reply), "%lu\n", score(line, 300));

	if (write(client, reply, (size_t)length) < 0)
		perror("write");
}

static void serve_client(int client)
{
	char line[256];
	ssize_t length = read(client, line, sizeof(line) - 1);

	if (length > 0) {
		line[length] = 0;
		answer(client, line);
	}
	close(client);
}

static void work(int listener)
{
	for (;;) {
		int client = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

		if (client >= 0)
			serve_client(client);
	}
}

int main(void)
{
	int listener = bound(SOCK_STREAM);

	for (int i = 0; i < 3; i++)
		if (fork() == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			work(listener);
		}
	for (;;)
		pause();
}
