// SPDX-License-Identifier: GPL-2.0-only WITH GCC-exception-2.0
/*
 * System calls, as the C library makes them on x86-64. What the driver does not do (an ioctl that
 * it does not know, a call that only user space can make) it turns down, and user space makes the
 * call from where it stands in the form.
 *
 * Cancellation points: the library arranges for pthread_cancel to interrupt a thread that waits in
 * one of these, and a form does not. In a program that may cancel threads (kernel_side/forms.c
 * looks) forms of cancellation points leave all to the library.
 */
#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/select.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "forms.h"

#define POINT lp_form_library.cancels
#define NO_POINT false

/* A form that is a system call: how it is declared, what the library is called with, the call's
 * number and arguments. */
#define CALL(type, name, point, parameters, arguments, number, a, b, c, d, e, f)                   \
	type lp_form_##name parameters                                                             \
	{                                                                                          \
		if (UNLIKELY(point))                                                               \
			return name arguments;                                                     \
		return (type)lp_form_result(lp_form_syscall(                                       \
		    number, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f)));    \
	}

/* -- files ------------------------------------------------------------------------------------- */

CALL(ssize_t, read, POINT, (int fd, void *to, size_t size), (fd, to, size), SYS_read, fd, to, size,
     0, 0, 0)
CALL(ssize_t, write, POINT, (int fd, const void *from, size_t size), (fd, from, size), SYS_write,
     fd, from, size, 0, 0, 0)
CALL(ssize_t, readv, POINT, (int fd, const struct iovec *parts, int count), (fd, parts, count),
     SYS_readv, fd, parts, count, 0, 0, 0)
CALL(ssize_t, writev, POINT, (int fd, const struct iovec *parts, int count), (fd, parts, count),
     SYS_writev, fd, parts, count, 0, 0, 0)
CALL(ssize_t, pread, POINT, (int fd, void *to, size_t size, off_t at), (fd, to, size, at),
     SYS_pread64, fd, to, size, at, 0, 0)
CALL(ssize_t, pread64, POINT, (int fd, void *to, size_t size, off64_t at), (fd, to, size, at),
     SYS_pread64, fd, to, size, at, 0, 0)
CALL(ssize_t, pwrite, POINT, (int fd, const void *from, size_t size, off_t at),
     (fd, from, size, at), SYS_pwrite64, fd, from, size, at, 0, 0)
CALL(ssize_t, pwrite64, POINT, (int fd, const void *from, size_t size, off64_t at),
     (fd, from, size, at), SYS_pwrite64, fd, from, size, at, 0, 0)
CALL(ssize_t, sendfile, NO_POINT, (int to, int from, off_t *at, size_t size), (to, from, at, size),
     SYS_sendfile, to, from, at, size, 0, 0)
CALL(ssize_t, sendfile64, NO_POINT, (int to, int from, off64_t *at, size_t size),
     (to, from, at, size), SYS_sendfile, to, from, at, size, 0, 0)
CALL(int, fstat, NO_POINT, (int fd, struct stat *to), (fd, to), SYS_fstat, fd, to, 0, 0, 0, 0)
CALL(int, fstat64, NO_POINT, (int fd, struct stat64 *to), (fd, to), SYS_fstat, fd, to, 0, 0, 0, 0)
CALL(int, close, POINT, (int fd), (fd), SYS_close, fd, 0, 0, 0, 0, 0)
CALL(int, stat, NO_POINT, (const char *restrict name, struct stat *restrict to), (name, to),
     SYS_newfstatat, AT_FDCWD, name, to, 0, 0, 0)
CALL(int, stat64, NO_POINT, (const char *restrict name, struct stat64 *restrict to), (name, to),
     SYS_newfstatat, AT_FDCWD, name, to, 0, 0, 0)

CALL(off_t, lseek, NO_POINT, (int fd, off_t by, int from), (fd, by, from), SYS_lseek, fd, by, from,
     0, 0, 0)
CALL(off64_t, lseek64, NO_POINT, (int fd, off64_t by, int from), (fd, by, from), SYS_lseek, fd, by,
     from, 0, 0, 0)
CALL(ssize_t, getrandom, POINT, (void *to, size_t size, unsigned int flags), (to, size, flags),
     SYS_getrandom, to, size, flags, 0, 0, 0)

/* Whether a file may be made: only then is there a mode. */
static inline bool makes(int flags)
{
	return flags & O_CREAT || (flags & O_TMPFILE) == O_TMPFILE;
}

/* As in the library's, the mode is a word, whether there is one or not. */
static inline int open_at(int folder, const char *name, int flags, long mode)
{
	return (int)lp_form_result(
	    lp_form_syscall(SYS_openat, folder, (long)name, flags, makes(flags) ? mode : 0, 0, 0));
}

int lp_form_openat(int folder, const char *name, int flags, long mode)
{
	if (UNLIKELY(POINT))
		return openat(folder, name, flags, mode);
	return open_at(folder, name, flags, mode);
}

int lp_form_openat64(int folder, const char *name, int flags, long mode)
{
	return lp_form_openat(folder, name, flags, mode);
}

int lp_form_open(const char *name, int flags, long mode)
{
	if (UNLIKELY(POINT))
		return open(name, flags, mode);
	return open_at(AT_FDCWD, name, flags, mode);
}

int lp_form_open64(const char *name, int flags, long mode)
{
	return lp_form_open(name, flags, mode);
}

extern ssize_t __read_chk(int, void *, size_t, size_t) LP_SOME_LIBRARIES;

ssize_t lp_form___read_chk(int fd, void *to, size_t size, size_t room)
{
	return UNLIKELY(size > room) ? __read_chk(fd, to, size, room) : lp_form_read(fd, to, size);
}

/*
 * Those that ask for nothing but the descriptor's own state: others go by the process that asks
 * (locks, owners of signals). As in the library's, the argument is a word, whatever it means.
 */
static inline bool is_plain_fcntl(int command)
{
	switch (command) {
	case F_DUPFD:
	case F_DUPFD_CLOEXEC:
	case F_GETFD:
	case F_SETFD:
	case F_GETFL:
	case F_SETFL:
		return true;
	}
	return false;
}

int lp_form_fcntl(int fd, int command, long argument)
{
	if (UNLIKELY(!is_plain_fcntl(command)))
		return fcntl(fd, command, argument);
	return (int)lp_form_result(lp_form_syscall(SYS_fcntl, fd, command, argument, 0, 0, 0));
}

int lp_form_fcntl64(int fd, int command, long argument)
{
	return lp_form_fcntl(fd, command, argument);
}

int lp_form_ioctl(int fd, unsigned long request, long argument)
{
	if (UNLIKELY(request != FIONBIO && request != FIONREAD))
		return ioctl(fd, request, argument);
	return (int)lp_form_result(
	    lp_form_syscall(SYS_ioctl, fd, (long)request, argument, 0, 0, 0));
}

/* -- sockets ----------------------------------------------------------------------------------- */

CALL(ssize_t, recvfrom, POINT,
     (int fd, void *restrict to, size_t size, int flags, struct sockaddr *restrict address,
      socklen_t *restrict length),
     (fd, to, size, flags, address, length), SYS_recvfrom, fd, to, size, flags, address, length)
CALL(ssize_t, recv, POINT, (int fd, void *to, size_t size, int flags), (fd, to, size, flags),
     SYS_recvfrom, fd, to, size, flags, 0, 0)
CALL(ssize_t, recvmsg, POINT, (int fd, struct msghdr *message, int flags), (fd, message, flags),
     SYS_recvmsg, fd, message, flags, 0, 0, 0)
CALL(int, recvmmsg, POINT,
     (int fd, struct mmsghdr *messages, unsigned int count, int flags, struct timespec *limit),
     (fd, messages, count, flags, limit), SYS_recvmmsg, fd, messages, count, flags, limit, 0)
CALL(ssize_t, sendto, POINT,
     (int fd, const void *from, size_t size, int flags, const struct sockaddr *address,
      socklen_t length),
     (fd, from, size, flags, address, length), SYS_sendto, fd, from, size, flags, address, length)
CALL(ssize_t, send, POINT, (int fd, const void *from, size_t size, int flags),
     (fd, from, size, flags), SYS_sendto, fd, from, size, flags, 0, 0)
CALL(ssize_t, sendmsg, POINT, (int fd, const struct msghdr *message, int flags),
     (fd, message, flags), SYS_sendmsg, fd, message, flags, 0, 0, 0)
CALL(int, sendmmsg, POINT, (int fd, struct mmsghdr *messages, unsigned int count, int flags),
     (fd, messages, count, flags), SYS_sendmmsg, fd, messages, count, flags, 0, 0)
CALL(int, accept4, POINT,
     (int fd, struct sockaddr *restrict address, socklen_t *restrict length, int flags),
     (fd, address, length, flags), SYS_accept4, fd, address, length, flags, 0, 0)
CALL(int, getsockname, NO_POINT,
     (int fd, struct sockaddr *restrict address, socklen_t *restrict length), (fd, address, length),
     SYS_getsockname, fd, address, length, 0, 0, 0)
CALL(int, getpeername, NO_POINT,
     (int fd, struct sockaddr *restrict address, socklen_t *restrict length), (fd, address, length),
     SYS_getpeername, fd, address, length, 0, 0, 0)
CALL(int, shutdown, NO_POINT, (int fd, int how), (fd, how), SYS_shutdown, fd, how, 0, 0, 0, 0)
/* The same call with no flags: the driver knows this one. */
CALL(int, accept, POINT, (int fd, struct sockaddr *restrict address, socklen_t *restrict length),
     (fd, address, length), SYS_accept4, fd, address, length, 0, 0, 0)
CALL(int, getsockopt, NO_POINT,
     (int fd, int level, int option, void *restrict value, socklen_t *restrict length),
     (fd, level, option, value, length), SYS_getsockopt, fd, level, option, value, length, 0)
CALL(int, setsockopt, NO_POINT,
     (int fd, int level, int option, const void *value, socklen_t length),
     (fd, level, option, value, length), SYS_setsockopt, fd, level, option, value, length, 0)

extern ssize_t __recv_chk(int, void *, size_t, size_t, int) LP_SOME_LIBRARIES;
extern ssize_t __recvfrom_chk(int, void *, size_t, size_t, int, struct sockaddr *,
			      socklen_t *) LP_SOME_LIBRARIES;

ssize_t lp_form___recv_chk(int fd, void *to, size_t size, size_t room, int flags)
{
	return UNLIKELY(size > room) ? __recv_chk(fd, to, size, room, flags)
				     : lp_form_recv(fd, to, size, flags);
}

ssize_t lp_form___recvfrom_chk(int fd, void *to, size_t size, size_t room, int flags,
			       struct sockaddr *address, socklen_t *length)
{
	return UNLIKELY(size > room) ? __recvfrom_chk(fd, to, size, room, flags, address, length)
				     : lp_form_recvfrom(fd, to, size, flags, address, length);
}

/* -- waiting ----------------------------------------------------------------------------------- */

CALL(int, epoll_wait, POINT, (int fd, struct epoll_event *events, int most, int limit),
     (fd, events, most, limit), SYS_epoll_wait, fd, events, most, limit, 0, 0)
CALL(int, epoll_ctl, NO_POINT, (int fd, int what, int of, struct epoll_event *event),
     (fd, what, of, event), SYS_epoll_ctl, fd, what, of, event, 0, 0)
CALL(int, poll, POINT, (struct pollfd * of, nfds_t count, int limit), (of, count, limit), SYS_poll,
     of, count, limit, 0, 0, 0)

extern int __poll_chk(struct pollfd *, nfds_t, int, size_t) LP_SOME_LIBRARIES;

int lp_form___poll_chk(struct pollfd *of, nfds_t count, int limit, size_t room)
{
	return UNLIKELY(room / sizeof(*of) < count) ? __poll_chk(of, count, limit, room)
						    : lp_form_poll(of, count, limit);
}

int lp_form_select(int count, fd_set *restrict in, fd_set *restrict out, fd_set *restrict other,
		   struct timeval *restrict limit)
{
	if (UNLIKELY(POINT))
		return select(count, in, out, other, limit);
	return (int)lp_form_result(
	    lp_form_syscall(SYS_select, count, (long)in, (long)out, (long)other, (long)limit, 0));
}

/* Which word of a set a descriptor is in. */
extern long __fdelt_chk(long) LP_SOME_LIBRARIES;

long lp_form___fdelt_chk(long fd)
{
	return UNLIKELY((unsigned long)fd >= FD_SETSIZE) ? __fdelt_chk(fd) : fd / NFDBITS;
}

/* -- who calls --------------------------------------------------------------------------------- */

pid_t lp_form_getpid(void)
{
	pid_t known = lp_form_thread.pid;

	return LIKELY(known) ? known : getpid();
}

pid_t lp_form_gettid(void)
{
	pid_t known = lp_form_thread.tid;

	return LIKELY(known) ? known : gettid();
}
