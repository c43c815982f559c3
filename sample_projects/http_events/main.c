// SPDX-License-Identifier: GPL-2.0-only
/* A small HTTP server: one thread, epoll, everything through function pointers. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "http.h"

static volatile sig_atomic_t stop;

static void on_signal(int number)
{
	(void)number;
	stop = 1;
}

static int parse_port(const char *text, unsigned short *port)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);

	if (*text < '0' || *text > '9' || *end || value > 65535)
		return -1;
	*port = (unsigned short)value;
	return 0;
}

int main(int argc, char **argv)
{
	struct sigaction action = {.sa_handler = on_signal};
	static struct listener listener;
	struct loop loop;
	unsigned short port = 7412;
	int option, bound;

	while ((option = getopt(argc, argv, "p:")) != -1) {
		if (option != 'p' || parse_port(optarg, &port) < 0) {
			fprintf(stderr, "usage: %s [-p PORT]\n", argv[0]);
			return 2;
		}
	}
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	register_routes();
	if (loop_init(&loop, &stop) < 0 || (bound = listen_on(&listener, port, &loop)) < 0 ||
	    printf("listening on 127.0.0.1:%d\n", bound) < 0 || fflush(stdout) ||
	    run_loop(&loop) < 0) {
		fprintf(stderr, "%s: %s\n", argv[0], strerror(errno));
		return 1;
	}
	return 0;
}
