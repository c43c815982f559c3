// SPDX-License-Identifier: GPL-2.0-only WITH GCC-exception-2.0
/*
 * The library calls by which servers talk to clients and wait for them, wrapped: each calls the
 * real one and tells of it. They are weak: a program's own function of such a name goes before.
 *
 * The program comes first for the dynamic linker, so shared libraries (for TLS, say) find these
 * too. A static program has no real one to be found beside ours: there (LP_SURVEY_WRAPPED) the
 * linker's --wrap tells them apart.
 *
 * Messages count that come from or go to sockets, but for those that the program connected itself:
 * there it is the client. What is read of a stream while more of it is there already is the same
 * message: some servers read byte by byte.
 */
/* glibc would define some of these inline. */
#define __NO_INLINE__ 1

#include "survey/survey.h"

#include <dlfcn.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

/* Each has a number, in the order in which they stand here: lp_build.compile.runtime has them. */
enum { FIRST_CALL = __COUNTER__ + 1 };

#ifdef LP_SURVEY_WRAPPED
#define WRAP(type, name, parameters)                                                               \
	enum { CALL_##name = __COUNTER__ - FIRST_CALL };                                           \
	type __real_##name parameters;                                                             \
	type __wrap_##name parameters;                                                             \
	type __wrap_##name parameters
#define REAL(name) __real_##name
#define REAL_VERSION(name, version) __real_##name
#else
#define WRAP(type, name, parameters)                                                               \
	enum { CALL_##name = __COUNTER__ - FIRST_CALL };                                           \
	type name parameters __attribute__((weak));                                                \
	type name parameters
#define REAL(name) REAL_VERSION(name, NULL)
#define REAL_VERSION(name, version)                                                                \
	({                                                                                         \
		static __typeof__(&(name)) real;                                                   \
		if (!real)                                                                         \
			real = (__typeof__(real))find(#name, version);                             \
		real;                                                                              \
	})

static void *find(const char *name, const char *version)
{
	void *found = version ? dlvsym(RTLD_NEXT, name, version) : NULL;

	return found ? found : dlsym(RTLD_NEXT, name);
}
#endif

/* The same for all: the system's time is none of the program's own. */
#define WAITING(type, call)                                                                        \
	({                                                                                         \
		uint64_t began = lp_survey_wait();                                                 \
		type outcome = (call);                                                             \
		lp_survey_waited(began);                                                           \
		outcome;                                                                           \
	})

/* Descriptors of sockets that the program connected. */
enum { DESCRIPTORS = 1 << 16 };
static bool connected[DESCRIPTORS];

static int set_connected(int fd, bool value)
{
	if (fd >= 0 && fd < DESCRIPTORS)
		connected[fd] = value;
	return fd;
}

static bool is_client(int fd)
{
	int error = errno;
	struct stat found;
	bool client = fd >= 0 && (fd >= DESCRIPTORS || !connected[fd]) && fstat(fd, &found) == 0 &&
		      S_ISSOCK(found.st_mode);

	errno = error;
	return client;
}

/* The stream that this thread has received from, and nothing else since. */
static __thread int reading __attribute__((tls_model("initial-exec"))) = -1;

static bool is_stream(int fd)
{
	socklen_t length = sizeof(int);
	int type;

	return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length) == 0 && type == SOCK_STREAM;
}

/* Whether what is about to be received belongs to the message before. */
static bool continues(int fd)
{
	int error = errno, bytes = 0;
	bool more = fd >= 0 && fd == reading && is_stream(fd) && ioctl(fd, FIONREAD, &bytes) == 0 &&
		    bytes > 0;

	errno = error;
	return more;
}

/* The same where the library has read ahead. */
static bool stream_continues(FILE *stream)
{
	int fd = fileno(stream);

	return fd >= 0 && fd == reading &&
	       (stream->_IO_read_ptr < stream->_IO_read_end || continues(fd));
}

static void note(enum lp_survey_event event, bool happened, int fd, unsigned int call)
{
	if (!happened || !is_client(fd))
		return;
	reading = event == LP_SURVEY_RECEIVED ? fd : -1;
	lp_survey_note(event, call);
}

static void note_received(bool happened, bool continued, int fd, unsigned int call)
{
	note(continued ? LP_SURVEY_CALLED : LP_SURVEY_RECEIVED, happened, fd, call);
	if (continued && happened)
		reading = fd;
}

/* -- receiving ----------------------------------------------------------------------------------
 */

#define RECEIVE_FROM(type, name, parameters, arguments, success, fd, is_rest)                      \
	WRAP(type, name, parameters)                                                               \
	{                                                                                          \
		bool rest = is_rest;                                                               \
		type count = WAITING(type, REAL(name) arguments);                                  \
                                                                                                   \
		note_received(success, rest, fd, CALL_##name);                                     \
		return count;                                                                      \
	}
#define RECEIVE(type, name, parameters, arguments, success, fd)                                    \
	RECEIVE_FROM(type, name, parameters, arguments, success, fd, continues(fd))
#define STREAM(type, name, parameters, arguments, success)                                         \
	RECEIVE_FROM(type, name, parameters, arguments, success, fileno(stream),                   \
		     stream_continues(stream))

ssize_t __read_chk(int, void *, size_t, size_t);
ssize_t __recv_chk(int, void *, size_t, size_t, int);
ssize_t __recvfrom_chk(int, void *, size_t, size_t, int, struct sockaddr *, socklen_t *);
char *__fgets_chk(char *, size_t, int, FILE *);
int _IO_getc(FILE *);
int _IO_putc(int, FILE *);
size_t __fread_chk(void *, size_t, size_t, size_t, FILE *);

RECEIVE(ssize_t, read, (int fd, void *to, size_t bytes), (fd, to, bytes), count > 0, fd)
RECEIVE(ssize_t, __read_chk, (int fd, void *to, size_t bytes, size_t room), (fd, to, bytes, room),
	count > 0, fd)
RECEIVE(ssize_t, readv, (int fd, const struct iovec *to, int count_of), (fd, to, count_of),
	count > 0, fd)
RECEIVE(ssize_t, recv, (int fd, void *to, size_t bytes, int flags), (fd, to, bytes, flags),
	count > 0, fd)
RECEIVE(ssize_t, __recv_chk, (int fd, void *to, size_t bytes, size_t room, int flags),
	(fd, to, bytes, room, flags), count > 0, fd)
RECEIVE(ssize_t, recvfrom,
	(int fd, void *to, size_t bytes, int flags, struct sockaddr *from, socklen_t *length),
	(fd, to, bytes, flags, from, length), count > 0, fd)
RECEIVE(ssize_t, __recvfrom_chk,
	(int fd, void *to, size_t bytes, size_t room, int flags, struct sockaddr *from,
	 socklen_t *length),
	(fd, to, bytes, room, flags, from, length), count > 0, fd)
RECEIVE(ssize_t, recvmsg, (int fd, struct msghdr *message, int flags), (fd, message, flags),
	count > 0, fd)
RECEIVE(int, recvmmsg,
	(int fd, struct mmsghdr *messages, unsigned int room, int flags, struct timespec *timeout),
	(fd, messages, room, flags, timeout), count > 0, fd)
STREAM(char *, fgets, (char *to, int bytes, FILE *stream), (to, bytes, stream), count != NULL)
STREAM(char *, __fgets_chk, (char *to, size_t room, int bytes, FILE *stream),
       (to, room, bytes, stream), count != NULL)
STREAM(size_t, fread, (void *to, size_t size, size_t items, FILE *stream),
       (to, size, items, stream), count > 0)
STREAM(size_t, __fread_chk, (void *to, size_t room, size_t size, size_t items, FILE *stream),
       (to, room, size, items, stream), count > 0)
STREAM(ssize_t, getline, (char **line, size_t *bytes, FILE *stream), (line, bytes, stream),
       count > 0)
STREAM(int, fgetc, (FILE * stream), (stream), count != EOF)
STREAM(int, getc, (FILE * stream), (stream), count != EOF)
STREAM(int, _IO_getc, (FILE * stream), (stream), count != EOF)

WRAP(int, getchar, (void))
{
	bool rest = stream_continues(stdin);
	int byte = WAITING(int, REAL(getchar)());

	note_received(byte != EOF, rest, fileno(stdin), CALL_getchar);
	return byte;
}

/* -- sending ------------------------------------------------------------------------------------
 */

#define SEND(type, name, parameters, arguments, success, fd)                                       \
	WRAP(type, name, parameters)                                                               \
	{                                                                                          \
		type count = WAITING(type, REAL(name) arguments);                                  \
                                                                                                   \
		note(LP_SURVEY_SENT, success, fd, CALL_##name);                                    \
		return count;                                                                      \
	}

/* The same for what takes its values behind a format; `call` has them as `rest`. */
#define PRINT(name, parameters, call, fd)                                                          \
	WRAP(int, name, parameters)                                                                \
	{                                                                                          \
		va_list rest;                                                                      \
		int count;                                                                         \
                                                                                                   \
		va_start(rest, format);                                                            \
		count = WAITING(int, call);                                                        \
		va_end(rest);                                                                      \
		note(LP_SURVEY_SENT, count > 0, fd, CALL_##name);                                  \
		return count;                                                                      \
	}

int __vfprintf_chk(FILE *, int, const char *, va_list);
int __fprintf_chk(FILE *, int, const char *, ...);

SEND(ssize_t, write, (int fd, const void *from, size_t bytes), (fd, from, bytes), count > 0, fd)
SEND(ssize_t, writev, (int fd, const struct iovec *from, int pieces), (fd, from, pieces), count > 0,
     fd)
SEND(ssize_t, send, (int fd, const void *from, size_t bytes, int flags), (fd, from, bytes, flags),
     count > 0, fd)
SEND(ssize_t, sendto,
     (int fd, const void *from, size_t bytes, int flags, const struct sockaddr *to,
      socklen_t length),
     (fd, from, bytes, flags, to, length), count > 0, fd)
SEND(ssize_t, sendmsg, (int fd, const struct msghdr *message, int flags), (fd, message, flags),
     count > 0, fd)
SEND(int, sendmmsg, (int fd, struct mmsghdr *messages, unsigned int number, int flags),
     (fd, messages, number, flags), count > 0, fd)
SEND(ssize_t, sendfile, (int fd, int from, off_t *offset, size_t bytes), (fd, from, offset, bytes),
     count > 0, fd)
SEND(size_t, fwrite, (const void *from, size_t size, size_t items, FILE *stream),
     (from, size, items, stream), count > 0, fileno(stream))
SEND(int, fputs, (const char *text, FILE *stream), (text, stream), count >= 0, fileno(stream))
SEND(int, vfprintf, (FILE * stream, const char *format, va_list rest), (stream, format, rest),
     count > 0, fileno(stream))
SEND(int, __vfprintf_chk, (FILE * stream, int flag, const char *format, va_list rest),
     (stream, flag, format, rest), count > 0, fileno(stream))

PRINT(fprintf, (FILE * stream, const char *format, ...), REAL(vfprintf)(stream, format, rest),
      fileno(stream))

PRINT(__fprintf_chk, (FILE * stream, int flag, const char *format, ...),
      REAL(__vfprintf_chk)(stream, flag, format, rest), fileno(stream))

/* To standard output, which is the client's where inetd or its like began the program. */
SEND(int, fputc, (int byte, FILE *stream), (byte, stream), count != EOF, fileno(stream))
SEND(int, putc, (int byte, FILE *stream), (byte, stream), count != EOF, fileno(stream))
SEND(int, _IO_putc, (int byte, FILE *stream), (byte, stream), count != EOF, fileno(stream))
SEND(int, putchar, (int byte), (byte), count != EOF, fileno(stdout))
SEND(int, puts, (const char *text), (text), count != EOF, fileno(stdout))
SEND(int, vprintf, (const char *format, va_list rest), (format, rest), count > 0, fileno(stdout))

PRINT(printf, (const char *format, ...), REAL(vfprintf)(stdout, format, rest), fileno(stdout))

PRINT(__printf_chk, (int flag, const char *format, ...),
      REAL(__vfprintf_chk)(stdout, flag, format, rest), fileno(stdout))

PRINT(dprintf, (int fd, const char *format, ...), vdprintf(fd, format, rest), fd)

/* -- connections --------------------------------------------------------------------------------
 */

WRAP(int, socket, (int domain, int type, int protocol))
{
	return set_connected(REAL(socket)(domain, type, protocol), false);
}

WRAP(int, connect, (int fd, const struct sockaddr *to, socklen_t length))
{
	set_connected(fd, true);
	return WAITING(int, REAL(connect)(fd, to, length));
}

WRAP(int, accept, (int fd, struct sockaddr *from, socklen_t *length))
{
	int client = WAITING(int, REAL(accept)(fd, from, length));

	note(LP_SURVEY_ACCEPTED, set_connected(client, false) >= 0, client, CALL_accept);
	return client;
}

WRAP(int, accept4, (int fd, struct sockaddr *from, socklen_t *length, int flags))
{
	int client = WAITING(int, REAL(accept4)(fd, from, length, flags));

	note(LP_SURVEY_ACCEPTED, set_connected(client, false) >= 0, client, CALL_accept4);
	return client;
}

/* -- waiting ------------------------------------------------------------------------------------
 */

enum { RELAYED = 4 }; /* connections that a proxy waits for at once, for one client */

static bool is_connection(int fd)
{
	struct sockaddr_storage peer;
	socklen_t length = sizeof(peer);
	int error = errno;
	bool connection = is_stream(fd) && getpeername(fd, (struct sockaddr *)&peer, &length) == 0;

	errno = error;
	return connection;
}

/* How a wait is for known connections only: one, or a few of which the program made one itself and
 * relays, as proxies do. */
struct waited_for {
	int connections;
	int own;
	bool others;
};

static void wait_for(struct waited_for *set, int fd)
{
	set->others |= set->connections >= RELAYED || !is_connection(fd);
	set->connections++;
	set->own += fd >= 0 && fd < DESCRIPTORS && connected[fd];
}

static bool are_known(const struct waited_for *set)
{
	return set->connections && !set->others && (set->connections == 1 || set->own);
}

/* set: its address, for glibc says of poll() that it only writes there, and gcc believes it. */
static bool known_polled(uintptr_t address, nfds_t number)
{
	const struct pollfd *set = (const struct pollfd *)address;
	struct waited_for known = {0};

	for (nfds_t i = 0; i < number && !known.others; i++)
		if (set[i].fd >= 0)
			wait_for(&known, set[i].fd);
	return are_known(&known);
}

static bool known_selected(int number, const fd_set *in, const fd_set *out)
{
	struct waited_for known = {0};

	for (int fd = 0; fd < number && !known.others; fd++)
		if ((in && FD_ISSET(fd, in)) || (out && FD_ISSET(fd, out)))
			wait_for(&known, fd);
	return are_known(&known);
}

#define WAIT(name, parameters, arguments, for_known)                                               \
	WRAP(int, name, parameters)                                                                \
	{                                                                                          \
		bool known = for_known;                                                            \
		int count = WAITING(int, REAL(name) arguments);                                    \
                                                                                                   \
		reading = known ? reading : -1;                                                    \
		lp_survey_note(known ? LP_SURVEY_CALLED : LP_SURVEY_WAITED, CALL_##name);          \
		return count;                                                                      \
	}

int __poll_chk(struct pollfd *, nfds_t, int, size_t);

WAIT(poll, (struct pollfd * set, nfds_t number, int timeout), (set, number, timeout),
     known_polled((uintptr_t)set, number))
WAIT(__poll_chk, (struct pollfd * set, nfds_t number, int timeout, size_t room),
     (set, number, timeout, room), known_polled((uintptr_t)set, number))
WAIT(ppoll,
     (struct pollfd * set, nfds_t number, const struct timespec *timeout, const sigset_t *mask),
     (set, number, timeout, mask), known_polled((uintptr_t)set, number))
WAIT(select, (int number, fd_set *in, fd_set *out, fd_set *other, struct timeval *timeout),
     (number, in, out, other, timeout), known_selected(number, in, out))
WAIT(pselect,
     (int number, fd_set *in, fd_set *out, fd_set *other, const struct timespec *timeout,
      const sigset_t *mask),
     (number, in, out, other, timeout, mask), known_selected(number, in, out))
WAIT(epoll_wait, (int fd, struct epoll_event *events, int room, int timeout),
     (fd, events, room, timeout), false)
WAIT(epoll_pwait, (int fd, struct epoll_event *events, int room, int timeout, const sigset_t *mask),
     (fd, events, room, timeout, mask), false)

/* For one another and for time to pass: not for clients, but not work either. */
#define PAUSE(name, version, parameters, arguments)                                                \
	WRAP(int, name, parameters)                                                                \
	{                                                                                          \
		return WAITING(int, REAL_VERSION(name, version) arguments);                        \
	}

PAUSE(pthread_cond_wait, "GLIBC_2.3.2", (pthread_cond_t * condition, pthread_mutex_t *lock),
      (condition, lock))
PAUSE(pthread_cond_timedwait, "GLIBC_2.3.2",
      (pthread_cond_t * condition, pthread_mutex_t *lock, const struct timespec *end),
      (condition, lock, end))
PAUSE(sem_wait, NULL, (sem_t * semaphore), (semaphore))
PAUSE(usleep, NULL, (useconds_t microseconds), (microseconds))
PAUSE(nanosleep, NULL, (const struct timespec *time, struct timespec *left), (time, left))

/* -- processes ----------------------------------------------------------------------------------
 */

WRAP(pid_t, fork, (void))
{
	pid_t child = REAL(fork)();

	if (child > 0)
		lp_survey_note(LP_SURVEY_FORKED, CALL_fork);
	return child;
}

/* -- the end ------------------------------------------------------------------------------------
 */

/* The children of servers that fork for each connection often end so. */
WRAP(void, _exit, (int status))
{
	lp_survey_end();
	for (;;)
		syscall(SYS_exit_group, status);
}

WRAP(void, _Exit, (int status))
{
	lp_survey_end();
	for (;;)
		syscall(SYS_exit_group, status);
}

_Static_assert(__COUNTER__ - FIRST_CALL <= LP_SURVEY_CALLS, "each has a bit");
