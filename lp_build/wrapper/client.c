/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * `lp-client ARGS…`: as `lp ARGS…`, but in a process that lp-wrap's server (server.py) forks with
 * everything imported: a compile then costs no start of Python.
 *
 * One connection is one command. We send
 *
 *	struct request, with our standard streams and current folder as SCM_RIGHTS,
 *	its arguments and then its environment, each string with its NUL,
 *	and later a byte for each signal that we get: its number;
 *
 * and receive an int32_t: the exit status, or -n where signal n ended the command, or DECLINED.
 *
 * Where there is no server, or one of another user, this becomes $LP_BIN/lp.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

struct request {
	uint32_t arguments; /* strings */
	uint32_t variables; /* strings */
	uint32_t umask;
	uint32_t size; /* bytes of all strings */
	int32_t nice;
	uint32_t reserved;
	struct rlimit limits[RLIM_NLIMITS];
};

enum { DESCRIPTORS = 4, NOT_FOUND = 127, BY_SIGNAL = 128, DECLINED = INT32_MIN };

extern char **environ;
static int server = -1;

/* No server, or a command that needs what it can't be given: become the command itself. */
static void become_lp(char **argv)
{
	const char *bin = getenv("LP_BIN");
	char path[4096];

	snprintf(path, sizeof(path), "%s/lp", bin ? bin : ".");
	argv[0] = path;
	execv(path, argv);
	perror(path);
	exit(NOT_FOUND);
}

/* Whether the server runs as we do: it does not where the build became another user, by sudo. */
static int is_ours(int fd)
{
	struct ucred peer;
	socklen_t size = sizeof(peer);

	return !getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) && peer.uid == geteuid() &&
	       peer.gid == getegid();
}

static int reach_server(void)
{
	const char *path = getenv("LP_SERVER");
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd;

	if (!path || strlen(path) >= sizeof(address.sun_path))
		return -1;
	strcpy(address.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 &&
	    (connect(fd, (struct sockaddr *)&address, sizeof(address)) || !is_ours(fd))) {
		close(fd);
		return -1;
	}
	return fd;
}

/* Length with NULs of an array of strings that ends with NULL; *count: how many. */
static size_t measure(char **strings, uint32_t *count)
{
	size_t size = 0;

	for (*count = 0; strings[*count]; ++*count)
		size += strlen(strings[*count]) + 1;
	return size;
}

static char *put(char *to, char **strings)
{
	for (; *strings; strings++)
		to = stpcpy(to, *strings) + 1;
	return to;
}

static int send_all(const char *data, size_t size)
{
	while (size) {
		ssize_t sent = send(server, data, size, MSG_NOSIGNAL);

		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0)
			return -1;
		data += sent;
		size -= (size_t)sent;
	}
	return 0;
}

static int send_request(char **argv)
{
	struct request request = {0};
	int fds[DESCRIPTORS] = {0, 1, 2, open(".", O_PATH | O_DIRECTORY | O_CLOEXEC)};
	char control[CMSG_SPACE(sizeof(fds))] = {0};
	struct iovec data = {&request, sizeof(request)};
	struct msghdr message = {
	    .msg_iov = &data,
	    .msg_iovlen = 1,
	    .msg_control = control,
	    .msg_controllen = sizeof(control),
	};
	struct cmsghdr *rights = CMSG_FIRSTHDR(&message);
	size_t size = measure(argv, &request.arguments) + measure(environ, &request.variables);
	mode_t mask = umask(0);
	char *strings;
	int failed;

	umask(mask);
	if (fds[DESCRIPTORS - 1] < 0 || size > UINT32_MAX)
		return -1;
	request.umask = mask;
	request.nice = getpriority(PRIO_PROCESS, 0);
	for (int i = 0; i < RLIM_NLIMITS; i++)
		if (getrlimit(i, &request.limits[i]))
			return -1;
	request.size = (uint32_t)size;
	rights->cmsg_level = SOL_SOCKET;
	rights->cmsg_type = SCM_RIGHTS;
	rights->cmsg_len = CMSG_LEN(sizeof(fds));
	memcpy(CMSG_DATA(rights), fds, sizeof(fds));
	if (sendmsg(server, &message, MSG_NOSIGNAL) != sizeof(request))
		return -1;
	strings = malloc(size);
	if (!strings)
		return -1;
	put(put(strings, argv), environ);
	failed = send_all(strings, size);
	free(strings);
	return failed;
}

static void pass_on(int number)
{
	const char byte = (char)number;
	int saved = errno;

	send(server, &byte, 1, MSG_NOSIGNAL);
	errno = saved;
}

static void pass_signals_on(void)
{
	static const int passed[] = {SIGTERM, SIGHUP, SIGINT, SIGQUIT};
	struct sigaction action = {.sa_handler = pass_on};

	for (size_t i = 0; i < sizeof(passed) / sizeof(*passed); i++) {
		struct sigaction old;

		/* What is ignored, as under nohup, stays so. */
		if (!sigaction(passed[i], NULL, &old) && old.sa_handler != SIG_IGN)
			sigaction(passed[i], &action, NULL);
	}
}

static int receive_status(int32_t *status)
{
	char *to = (char *)status;
	size_t left = sizeof(*status);

	while (left) {
		ssize_t got = read(server, to, left);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return -1;
		to += got;
		left -= (size_t)got;
	}
	return 0;
}

/* End by a signal, without a core of our own. */
static void die_by(int number)
{
	struct rlimit none = {0, 0};
	sigset_t one;

	setrlimit(RLIMIT_CORE, &none);
	signal(number, SIG_DFL);
	sigemptyset(&one);
	sigaddset(&one, number);
	sigprocmask(SIG_UNBLOCK, &one, NULL);
	raise(number);
}

int main(int argc, char **argv)
{
	int32_t status;

	/* gcc -flto takes tokens from make's job server, by descriptors that only we have. */
	for (int i = 1; i < argc; i++)
		if (!strncmp(argv[i], "-flto", 5))
			become_lp(argv);
	server = reach_server();
	if (server < 0)
		become_lp(argv);
	if (send_request(argv)) {
		close(server);
		become_lp(argv);
	}
	pass_signals_on();
	if (receive_status(&status)) {
		fprintf(stderr, "lp-client: lp-wrap's server is gone\n");
		return EXIT_FAILURE;
	}
	if (status == DECLINED)
		become_lp(argv);
	if (status < 0) {
		die_by(-status);
		return BY_SIGNAL - status;
	}
	return status;
}
