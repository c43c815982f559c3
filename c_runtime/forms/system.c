// SPDX-License-Identifier: GPL-2.0
#include "forms.h"

#define CALL(type, name, parameters, number, a, b, c, d, e, f)                                     \
	type lp_form_##name parameters                                                             \
	{                                                                                          \
		return (type)lp_form_result(lp_form_syscall(                                       \
		    number, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f)));    \
	}

CALL(ssize_t, read, (int fd, void *to, size_t n), SYS_read, fd, to, n, 0, 0, 0)
CALL(ssize_t, write, (int fd, const void *from, size_t n), SYS_write, fd, from, n, 0, 0, 0)
CALL(ssize_t, recv, (int fd, void *to, size_t n, int flags), SYS_recvfrom, fd, to, n, flags, 0, 0)
CALL(ssize_t, recvfrom, (int fd, void *to, size_t n, int flags, void *a, void *l), SYS_recvfrom, fd,
     to, n, flags, a, l)
CALL(ssize_t, send, (int fd, const void *to, size_t n, int flags), SYS_sendto, fd, to, n, flags, 0,
     0)
CALL(ssize_t, sendto, (int fd, const void *to, size_t n, int flags, void *a, unsigned l),
     SYS_sendto, fd, to, n, flags, a, l)
CALL(ssize_t, sendmsg, (int fd, const void *m, int flags), SYS_sendmsg, fd, m, flags, 0, 0, 0)
CALL(int, epoll_wait, (int fd, void *e, int n, int t), SYS_epoll_wait, fd, e, n, t, 0, 0)
CALL(int, epoll_ctl, (int fd, int o, int f, void *e), SYS_epoll_ctl, fd, o, f, e, 0, 0)
CALL(int, accept4, (int fd, void *a, void *l, int f), SYS_accept4, fd, a, l, f, 0, 0)
CALL(int, clock_gettime, (int c, void *t), SYS_clock_gettime, c, t, 0, 0, 0, 0)
CALL(int, setsockopt, (int fd, int l, int o, void *v, unsigned n), SYS_setsockopt, fd, l, o, v, n,
     0)

int *lp_form___errno_location(void)
{
	return lp_form_errno ? lp_form_errno : __errno_location();
}
