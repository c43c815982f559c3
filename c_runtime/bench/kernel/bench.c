// SPDX-License-Identifier: GPL-2.0-only WITH GCC-exception-2.0
/*
 * What going to the kernel and back costs (lp_build/bench/kernel.py): `bench NAME ROUNDS…` prints,
 * for each pair, the nanoseconds that a round takes. Under `-icount shift=0` one is one
 * instruction.
 *
 * The loop runs in Elite, as a server's would; the clock is read outside of it.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { PAGE = 4096 };

static volatile char *pages;
static int to_itself; /* a socket */
static long left_so_far;

__attribute__((noinline)) long direct(long n)
{
	return n * 3 + 1;
}

/* A negative number is not what requests usually have. */
__attribute__((noinline)) long request(long n)
{
	if (n < 0) {
		left_so_far++;
		n = -n;
	}
	return n * 3 + 1;
}

/* Each in a loop of its own, so that the loops cost the same. */
__attribute__((noinline)) long rounds(int what, long count)
{
	long sum = 0;

	switch (what) {
	case 'e':
		for (long n = 0; n < count; n++) {
			__asm__ volatile("");
		}
		break;
	case 'd':
		for (long n = 0; n < count; n++) {
			sum += direct(n);
		}
		break;
	case 's':
		for (long n = 0; n < count; n++) {
			sum += request(n);
		}
		break;
	case 'l':
		for (long n = 0; n < count; n++) {
			sum += request(-n - 1);
		}
		break;
	case 't':
		for (long n = 0; n < count; n++) {
			sum += pages[n * PAGE];
		}
		break;
	case 'c':
		for (long n = 0; n < count; n++) {
			sum += read(-1, NULL, 0);
		}
		break;
	case 'o':
		for (long n = 0; n < count; n++) {
			/* Not cleared each time, by vector registers that the others have not. */
			static char message[80];

			sum += send(to_itself, message, sizeof(message), 0);
			sum += recv(to_itself, message, sizeof(message), 0);
		}
		break;
	}
	return sum;
}

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

/* Map and touch pages, so that nothing is left to do for user space. */
static void map_pages(long count)
{
	void *map = mmap(NULL, (size_t)count * PAGE, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (map == MAP_FAILED) {
		perror("mmap");
		exit(1);
	}
	memset(map, 1, (size_t)count * PAGE);
	pages = map;
}

/* What is sent by it comes back to it, and nobody has to be woken. */
static void open_to_itself(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	socklen_t size = sizeof(address);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	to_itself = socket(AF_INET, SOCK_DGRAM, 0);
	if (to_itself < 0 || bind(to_itself, (struct sockaddr *)&address, size) ||
	    getsockname(to_itself, (struct sockaddr *)&address, &size) ||
	    connect(to_itself, (struct sockaddr *)&address, size)) {
		perror("socket");
		exit(1);
	}
}

int main(int argc, char **argv)
{
	volatile long kept;

	for (int i = 1; i + 1 < argc; i += 2) {
		long count = strtol(argv[i + 1], NULL, 10);
		double begin;

		if (!strcmp(argv[i], "take")) {
			begin = now();
			madvise((void *)pages, (size_t)count * PAGE, MADV_DONTNEED);
		} else {
			if (!strcmp(argv[i], "touch"))
				map_pages(count);
			else if (!strcmp(argv[i], "own"))
				open_to_itself();
			begin = now();
			kept = rounds(argv[i][0], count);
			(void)kept;
		}
		printf("%s %.1f\n", argv[i], (now() - begin) / (double)count);
	}
	return 0;
}
