// SPDX-License-Identifier: GPL-2.0-only
/* All in one function: there is nothing to propose that covers a request. */
#include "serving.h"

static int is_space(char byte)
{
	return byte == ' ' || byte == '\n';
}

int main(void)
{
	int socket = bound(SOCK_DGRAM);
	struct sockaddr_in from;
	char line[512];

	for (;;) {
		socklen_t size = sizeof(from);
		ssize_t length =
		    recvfrom(socket, line, sizeof(line) - 1, 0, (struct sockaddr *)&from, &size);
		int words = 0;

		if (length <= 0)
			continue;
		line[length] = 0;
		for (int i = 0; i < 2000; i++)
			words += (int)(score(line, 1) & 1);
		words += is_space(line[0]);
		length = snprintf(line, sizeof(line), "%d\n", words);
		sendto(socket, line, (size_t)length, 0, (struct sockaddr *)&from, size);
	}
}
