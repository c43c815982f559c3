// SPDX-License-Identifier: GPL-2.0-only
/*
 * To be preloaded: /dev/lakeplacid as far as a program attaches to it. FAKE_OPEN and FAKE_ATTACH
 * are the errors to give, as numbers, and FAKE_ATTACH_AGAIN what all but the first attach get;
 * FAKE_LOG gets a line for each attach: name and build id.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lakeplacid.h"

#define NAME "fake"

static int wanted_error(const char *name)
{
	const char *number = getenv(name);

	return number ? atoi(number) : 0;
}

static int open_device(void)
{
	errno = wanted_error("FAKE_OPEN");
	if (errno)
		return -1;
	return memfd_create(NAME, MFD_CLOEXEC);
}

/* Whatever number it has by now. */
static int is_ours(int fd)
{
	char link[64], name[64] = "";

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	return readlink(link, name, sizeof(name) - 1) > 0 && strstr(name, "memfd:" NAME);
}

int open(const char *path, int flags, ...)
{
	int (*real)(const char *, int, ...) = dlsym(RTLD_NEXT, "open");
	va_list arguments;
	int mode;

	if (!strcmp(path, "/dev/lakeplacid"))
		return open_device();
	va_start(arguments, flags);
	mode = va_arg(arguments, int);
	va_end(arguments);
	return real(path, flags, mode);
}

static int attach(struct lp_attach *attach)
{
	const char *log = getenv("FAKE_LOG");
	FILE *file = log ? fopen(log, "a") : NULL;
	static int attached;
	int error = wanted_error(attached++ ? "FAKE_ATTACH_AGAIN" : "FAKE_ATTACH");

	if (file) {
		fprintf(file, "%u %.31s ", attach->protocol, attach->name);
		for (int i = 0; i < LP_BUILD_ID_SIZE; i++)
			fprintf(file, "%02x", attach->build_id[i]);
		fprintf(file, "\n");
		fclose(file);
	}
	if (error == ESTALE)
		memset(attach->build_id, 0xab, LP_BUILD_ID_SIZE);
	errno = error;
	return error ? -1 : 0;
}

int ioctl(int fd, unsigned long request, ...)
{
	int (*real)(int, unsigned long, ...) = dlsym(RTLD_NEXT, "ioctl");
	va_list arguments;
	void *argument;

	va_start(arguments, request);
	argument = va_arg(arguments, void *);
	va_end(arguments);
	if (!is_ours(fd))
		return real(fd, request, argument);
	if (request == LP_IOC_OPEN)
		return memfd_create(NAME, MFD_CLOEXEC);
	if (request == LP_IOC_ATTACH)
		return attach(argument);
	/* Nobody becomes E, so nobody comes. */
	errno = ECHILD;
	return -1;
}
