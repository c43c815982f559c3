// SPDX-License-Identifier: GPL-2.0-only
/* As inetd begins it: the client is at the standard streams; a line in, a line out. */
#include "serving.h"

#include <stdlib.h>

static unsigned long evaluate(const char *line)
{
	return score(line, 300);
}

static void command(char *line)
{
	if (!strncmp(line, "QUIT", 4))
		exit(0);
	printf("%lu\n", evaluate(line));
	fflush(stdout);
}

int main(void)
{
	char line[256];

	setvbuf(stdin, NULL, _IOFBF, 1 << 16);
	while (fgets(line, sizeof(line), stdin))
		command(line);
	return 0;
}
