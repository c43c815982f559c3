/* SPDX-License-Identifier: GPL-2.0-only */
/* A server that gives up root and forks for each connection; its children end within a function.
 * Prints its port; serves as many connections as its argument says. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile unsigned int sum;

static void answer(int client)
{
	char text[64];
	long length = read(client, text, sizeof(text));

	for (int i = 0; i < 20000; i++)
		sum += (unsigned int)i;
	if (length <= 0 || write(client, text, (size_t)length) != length)
		_exit(1);
	_exit(0);
}

int main(int count, char **arguments)
{
	struct sockaddr_in here = {.sin_family = AF_INET};
	socklen_t length = sizeof(here);
	int listener = socket(AF_INET, SOCK_STREAM, 0);

	(void)count;
	here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (bind(listener, (struct sockaddr *)&here, length) || listen(listener, 50) ||
	    getsockname(listener, (struct sockaddr *)&here, &length))
		return 1;
	printf("%d\n", ntohs(here.sin_port));
	fflush(stdout);
	if (getuid() == 0 && (setgid(65534) || setuid(65534)))
		return 1;
	for (int left = atoi(arguments[1]); left; left--) {
		int client = accept(listener, NULL, NULL);

		if (fork() == 0)
			answer(client);
		close(client);
		wait(NULL);
	}
	return 0;
}
