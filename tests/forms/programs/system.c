// SPDX-License-Identifier: GPL-2.0-only
/* System calls and clocks: the same results and errors as the library's, each side on descriptors
 * of its own. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/select.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>

#include "check.h"

extern ssize_t __read_chk(int, void *, size_t, size_t);
extern ssize_t __recv_chk(int, void *, size_t, size_t, int);
extern ssize_t __recvfrom_chk(int, void *, size_t, size_t, int, struct sockaddr *, socklen_t *);
extern int __poll_chk(struct pollfd *, nfds_t, int, size_t);
extern long __fdelt_chk(long);

/* The two sides: what is called, and on which descriptors. */
#define FORM(name) extern __typeof__(name) lp_form_##name
FORM(read);
FORM(write);
FORM(readv);
FORM(writev);
FORM(pread);
FORM(pread64);
FORM(pwrite);
FORM(pwrite64);
FORM(sendfile);
FORM(sendfile64);
FORM(fstat);
FORM(fstat64);
FORM(close);
FORM(stat);
FORM(stat64);
FORM(open);
FORM(open64);
FORM(openat);
FORM(openat64);
FORM(recv);
FORM(recvfrom);
FORM(recvmsg);
FORM(recvmmsg);
FORM(send);
FORM(sendto);
FORM(sendmsg);
FORM(sendmmsg);
FORM(accept4);
FORM(accept);
FORM(getsockname);
FORM(getpeername);
FORM(shutdown);
FORM(lseek);
FORM(lseek64);
FORM(getrandom);
FORM(select);
FORM(getpid);
FORM(gettid);
FORM(__fdelt_chk);
FORM(getsockopt);
FORM(setsockopt);
FORM(epoll_wait);
FORM(epoll_ctl);
FORM(poll);
FORM(__read_chk);
FORM(__recv_chk);
FORM(__recvfrom_chk);
FORM(__poll_chk);
FORM(fcntl);
FORM(fcntl64);
FORM(ioctl);
FORM(clock_gettime);
FORM(gettimeofday);
FORM(time);
FORM(__errno_location);

/* Both sides make a call; `a` and `b` are what may differ between them. The same result and errno.
 */
#define SAME(form, library)                                                                        \
	({                                                                                         \
		long a_, b_;                                                                       \
		int a_errno_, b_errno_;                                                            \
                                                                                                   \
		errno = 7777;                                                                      \
		a_ = (long)(form);                                                                 \
		a_errno_ = errno;                                                                  \
		errno = 7777;                                                                      \
		b_ = (long)(library);                                                              \
		b_errno_ = errno;                                                                  \
		if (a_ != b_ || a_errno_ != b_errno_) {                                            \
			fprintf(stderr, "%s:%d: %s: %ld, errno %d; the library: %ld, %d\n",        \
				__FILE__, __LINE__, #form, a_, a_errno_, b_, b_errno_);            \
			exit(1);                                                                   \
		}                                                                                  \
		b_;                                                                                \
	})

/* volatile: the compiler need not see that they are bad */
static void *volatile bad = (void *)8;
static volatile int minus = -1;

static int some_file(void)
{
	char name[] = "/tmp/lp-forms-XXXXXX";
	int fd = mkstemp(name);

	CHECK(fd >= 0);
	CHECK(unlink(name) == 0);
	return fd;
}

static void files(void)
{
	int a = some_file(), b = some_file(), to_a = some_file(), to_b = some_file();
	char x[64], y[64];
	struct iovec in[2] = {{x, 5}, {x + 20, 30}},
		     out[2] = {{(void *)"abc", 3}, {(void *)"de", 2}};
	struct iovec other[2] = {{y, 5}, {y + 20, 30}};
	struct stat s, t;
	off_t at = 2, same = 2;

	memset(x, 0, sizeof(x));
	memset(y, 0, sizeof(y));
	SAME(lp_form_write(a, "hello world", 11), write(b, "hello world", 11));
	SAME(lp_form_writev(a, out, 2), writev(b, out, 2));
	SAME(lp_form_lseek(a, -3, SEEK_END), lseek(b, -3, SEEK_END));
	SAME(lp_form_lseek64(a, 5, SEEK_END), lseek64(b, 5, SEEK_END));
	SAME(lp_form_lseek(a, -99, SEEK_CUR), lseek(b, -99, SEEK_CUR));
	SAME(lp_form_lseek(a, -5, SEEK_CUR), lseek(b, -5, SEEK_CUR));
	SAME(lp_form_getrandom(x, 0, 0), getrandom(y, 0, 0));
	SAME(lp_form_getrandom(x, 4, 77), getrandom(y, 4, 77));
	CHECK(lp_form_getrandom(x, 8, GRND_NONBLOCK) == 8);
	memset(x, 0, sizeof(x));
	SAME(lp_form_pwrite(a, "XY", 2, 4), pwrite(b, "XY", 2, 4));
	SAME(lp_form_pwrite64(a, "Z", 1, 9), pwrite64(b, "Z", 1, 9));
	CHECK(lseek(a, 0, SEEK_SET) == 0 && lseek(b, 0, SEEK_SET) == 0);
	SAME(lp_form_read(a, x, 7), read(b, y, 7));
	CHECK(memcmp(x, y, sizeof(x)) == 0);
	SAME(lp_form_readv(a, in, 2), readv(b, other, 2));
	CHECK(memcmp(x, y, sizeof(x)) == 0);
	SAME(lp_form_pread(a, x, 30, 3), pread(b, y, 30, 3));
	SAME(lp_form_pread64(a, x + 30, 5, 1), pread64(b, y + 30, 5, 1));
	CHECK(memcmp(x, y, sizeof(x)) == 0);
	SAME(lp_form_pread(a, x, 30, -1), pread(b, y, 30, -1));
	SAME(lp_form_read(a, x, 30), read(b, y, 30)); /* the end */
	SAME(lp_form_sendfile(to_a, a, &at, 6), sendfile(to_b, b, &same, 6));
	CHECK(at == same);
	SAME(lp_form_sendfile64(to_a, a, NULL, 6), sendfile64(to_b, b, NULL, 6));
	SAME(lp_form_fstat(a, &s), fstat(b, &t));
	CHECK(s.st_size == t.st_size && s.st_mode == t.st_mode && s.st_dev == t.st_dev);
	CHECK(!lp_form_fstat64(b, (struct stat64 *)&s) && s.st_ino == t.st_ino);
	SAME(lp_form___read_chk(a, x, 4, 8), __read_chk(b, y, 4, 8));
	CHECK(ENDS(lp_form___read_chk(a, x, 9, 8)) == ENDS(__read_chk(b, y, 9, 8)));

	/* What fails. */
	SAME(lp_form_read(-1, x, 1), read(-1, x, 1));
	SAME(lp_form_read(a, bad, 1), read(b, bad, 1));
	CHECK(lseek(a, 0, SEEK_SET) == 0 && lseek(b, 0, SEEK_SET) == 0);
	SAME(lp_form_read(a, bad, 1), read(b, bad, 1));
	SAME(lp_form_write(a, bad, 1), write(b, bad, 1));
	SAME(lp_form_readv(a, in, minus), readv(b, in, minus));
	SAME(lp_form_writev(a, bad, 1), writev(b, bad, 1));
	SAME(lp_form_fstat(-100, &s), fstat(-100, &t));
	SAME(lp_form_fstat(a, bad), fstat(b, bad));
	SAME(lp_form_sendfile(-1, a, NULL, 1), sendfile(-1, b, NULL, 1));
	SAME(lp_form_close(a), close(b));
	SAME(lp_form_close(a), close(b));
	SAME(lp_form_close(-5), close(-5));
	close(to_a);
	close(to_b);
}

static void names(void)
{
	char a[] = "/tmp/lp-forms-a-XXXXXX", b[] = "/tmp/lp-forms-b-XXXXXX";
	int folder = open("/tmp", O_PATH | O_DIRECTORY), one, other;
	struct stat s, t;

	CHECK(close(mkstemp(a)) == 0 && close(mkstemp(b)) == 0 && folder >= 0);
	CHECK(unlink(a) == 0 && unlink(b) == 0);
	SAME(lp_form_stat(a, &s), stat(b, &t));
	SAME(lp_form_open(a, O_RDWR), open(b, O_RDWR));
	SAME(lp_form_open(bad, O_RDWR), open(bad, O_RDWR));
	one = lp_form_open(a, O_RDWR | O_CREAT | O_EXCL, 0640);
	other = open(b, O_RDWR | O_CREAT | O_EXCL, 0640);
	CHECK(one >= 0 && other >= 0 && write(one, "xyz", 3) == 3 && write(other, "xyz", 3) == 3);
	SAME(lp_form_open64(a, O_RDWR | O_CREAT | O_EXCL, 0640),
	     open64(b, O_RDWR | O_CREAT | O_EXCL, 0640));
	SAME(lp_form_stat(a, &s), stat(b, &t));
	CHECK(s.st_size == 3 && s.st_mode == t.st_mode && s.st_uid == t.st_uid);
	CHECK(!lp_form_stat64(b, (struct stat64 *)&s) && s.st_ino == t.st_ino);
	SAME(lp_form_stat(a, bad), stat(b, bad));
	SAME(lp_form_openat(-1, "x", O_RDONLY), openat(-1, "x", O_RDONLY));
	CHECK(close(one) == 0 && close(other) == 0);
	one = lp_form_openat(folder, a + strlen("/tmp/"), O_RDONLY);
	other = openat(folder, b + strlen("/tmp/"), O_RDONLY);
	CHECK(one >= 0 && other >= 0);
	SAME(lp_form_write(one, "x", 1), write(other, "x", 1));
	CHECK(close(one) == 0 && close(other) == 0);
	one = lp_form_openat64(folder, ".", O_TMPFILE | O_RDWR, 0600);
	other = openat64(folder, ".", O_TMPFILE | O_RDWR, 0600);
	CHECK((one < 0) == (other < 0));
	CHECK(one < 0 || (close(one) == 0 && close(other) == 0));
	CHECK(unlink(a) == 0 && unlink(b) == 0 && close(folder) == 0);
}

static void controls(void)
{
	int a = some_file(), b = some_file(), copy_of_a, copy_of_b;
	struct flock lock = {.l_type = F_WRLCK}, same = lock;
	int waiting[2], pipe_ends[2], number = 0, other = 0;

	SAME(lp_form_fcntl(a, F_GETFL), fcntl(b, F_GETFL));
	SAME(lp_form_fcntl(a, F_SETFL, O_NONBLOCK), fcntl(b, F_SETFL, O_NONBLOCK));
	SAME(lp_form_fcntl(a, F_GETFL), fcntl(b, F_GETFL));
	SAME(lp_form_fcntl64(a, F_SETFD, FD_CLOEXEC), fcntl64(b, F_SETFD, FD_CLOEXEC));
	SAME(lp_form_fcntl64(a, F_GETFD), fcntl64(b, F_GETFD));
	copy_of_a = lp_form_fcntl(a, F_DUPFD_CLOEXEC, 100);
	CHECK(copy_of_a >= 100);
	copy_of_b = fcntl(b, F_DUPFD, 100);
	CHECK(copy_of_b >= 100);
	SAME(lp_form_fcntl(a, F_SETLK, &lock), fcntl(b, F_SETLK, &same));
	SAME(lp_form_fcntl(a, F_GETLK, &lock), fcntl(b, F_GETLK, &same));
	SAME(lp_form_fcntl(a, F_SETOWN, getpid()), fcntl(b, F_SETOWN, getpid()));
	SAME(lp_form_fcntl(a, F_GETOWN), fcntl(b, F_GETOWN));
	SAME(lp_form_fcntl(a, 9999, 0), fcntl(b, 9999, 0));
	SAME(lp_form_fcntl(-1, F_GETFL), fcntl(-1, F_GETFL));

	CHECK(pipe(waiting) == 0 && pipe(pipe_ends) == 0);
	CHECK(write(waiting[1], "abc", 3) == 3 && write(pipe_ends[1], "abc", 3) == 3);
	SAME(lp_form_ioctl(waiting[0], FIONREAD, &number), ioctl(pipe_ends[0], FIONREAD, &other));
	CHECK(number == 3 && other == 3);
	number = 1;
	SAME(lp_form_ioctl(waiting[0], FIONBIO, &number), ioctl(pipe_ends[0], FIONBIO, &number));
	CHECK(fcntl(waiting[0], F_GETFL) & O_NONBLOCK);
	SAME(lp_form_ioctl(waiting[0], TIOCGWINSZ, &number),
	     ioctl(waiting[0], TIOCGWINSZ, &number));
	SAME(lp_form_ioctl(-1, FIONREAD, &number), ioctl(-1, FIONREAD, &number));
	for (int i = 0; i < 2; i++) {
		close(waiting[i]);
		close(pipe_ends[i]);
	}
	close(a);
	close(b);
	close(copy_of_a);
	close(copy_of_b);
}

/* A pair of datagram sockets on loopback, of which the first is connected to the second. */
static void make_pair(int *from, int *to, struct sockaddr_in *address)
{
	struct timeval limit = {.tv_sec = 10};
	socklen_t length = sizeof(*address);

	*address =
	    (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	*from = socket(AF_INET, SOCK_DGRAM, 0);
	*to = socket(AF_INET, SOCK_DGRAM, 0);
	CHECK(bind(*to, (struct sockaddr *)address, length) == 0);
	CHECK(getsockname(*to, (struct sockaddr *)address, &length) == 0);
	CHECK(connect(*from, (struct sockaddr *)address, length) == 0);
	CHECK(setsockopt(*to, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) == 0);
}

static void sockets(void)
{
	struct sockaddr_in at_a, at_b, from_a, from_b;
	socklen_t length = sizeof(from_a), same = length;
	int a, b, to_a, to_b, size = 0, other = 0;
	char x[64] = "", y[64] = "";
	struct iovec part = {(void *)"four", 4}, in = {x, sizeof(x)}, also = {y, sizeof(y)};
	struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
	struct msghdr into = {.msg_iov = &in, .msg_iovlen = 1};
	struct msghdr into_also = {.msg_iov = &also, .msg_iovlen = 1};
	struct mmsghdr several[2] = {{.msg_hdr = message}, {.msg_hdr = message}};
	struct mmsghdr more[2] = {{.msg_hdr = into}, {.msg_hdr = into}};
	struct mmsghdr more_also[2] = {{.msg_hdr = into_also}, {.msg_hdr = into_also}};
	struct timespec limit = {.tv_sec = 10}, limit_too = limit;

	make_pair(&a, &to_a, &at_a);
	make_pair(&b, &to_b, &at_b);
	SAME(lp_form_send(a, "one", 3, 0), send(b, "one", 3, 0));
	SAME(lp_form_recv(to_a, x, 2, MSG_TRUNC | MSG_PEEK),
	     recv(to_b, y, 2, MSG_TRUNC | MSG_PEEK));
	SAME(lp_form_recvfrom(to_a, x, 64, 0, (struct sockaddr *)&from_a, &length),
	     recvfrom(to_b, y, 64, 0, (struct sockaddr *)&from_b, &same));
	CHECK(length == same && from_a.sin_addr.s_addr == from_b.sin_addr.s_addr);
	CHECK(strcmp(x, "one") == 0 && memcmp(x, y, sizeof(x)) == 0);
	SAME(lp_form_sendto(a, "two", 3, 0, (struct sockaddr *)&at_a, sizeof(at_a)),
	     sendto(b, "two", 3, 0, (struct sockaddr *)&at_b, sizeof(at_b)));
	SAME(lp_form___recvfrom_chk(to_a, x, 9, 64, 0, NULL, NULL),
	     __recvfrom_chk(to_b, y, 9, 64, 0, NULL, NULL));
	SAME(lp_form_sendmsg(a, &message, 0), sendmsg(b, &message, 0));
	SAME(lp_form_recvmsg(to_a, &into, 0), recvmsg(to_b, &into_also, 0));
	CHECK(memcmp(x, "four", 4) == 0 && memcmp(x, y, sizeof(x)) == 0);
	SAME(lp_form_sendmmsg(a, several, 2, 0), sendmmsg(b, several, 2, 0));
	SAME(lp_form_recvmmsg(to_a, more, 2, MSG_WAITFORONE, &limit),
	     recvmmsg(to_b, more_also, 2, MSG_WAITFORONE, &limit_too));
	CHECK(more[0].msg_len == 4 && more_also[0].msg_len == 4);
	SAME(lp_form___recv_chk(to_a, x, 9, 64, MSG_DONTWAIT),
	     __recv_chk(to_b, y, 9, 64, MSG_DONTWAIT));
	CHECK(ENDS(lp_form___recv_chk(to_a, x, 65, 64, 0)) == ENDS(__recv_chk(to_b, y, 65, 64, 0)));
	CHECK(ENDS(lp_form___recvfrom_chk(to_a, x, 65, 64, 0, NULL, NULL)) ==
	      ENDS(__recvfrom_chk(to_b, y, 65, 64, 0, NULL, NULL)));

	size = 9999;
	SAME(lp_form_setsockopt(to_a, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size)),
	     setsockopt(to_b, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size)));
	length = same = sizeof(size);
	SAME(lp_form_getsockopt(to_a, SOL_SOCKET, SO_RCVBUF, &size, &length),
	     getsockopt(to_b, SOL_SOCKET, SO_RCVBUF, &other, &same));
	CHECK(size == other && length == same);

	/* What fails. */
	SAME(lp_form_recv(to_a, x, 9, MSG_DONTWAIT), recv(to_b, y, 9, MSG_DONTWAIT));
	SAME(lp_form_recvfrom(to_a, x, 9, MSG_DONTWAIT, NULL, NULL),
	     recvfrom(to_b, y, 9, MSG_DONTWAIT, NULL, NULL));
	SAME(lp_form_send(a, bad, 1, 0), send(b, bad, 1, 0));
	SAME(lp_form_sendto(to_a, "x", 1, 0, NULL, 0), sendto(to_b, "x", 1, 0, NULL, 0));
	SAME(lp_form_sendmsg(a, bad, 0), sendmsg(b, bad, 0));
	SAME(lp_form_recvmsg(a, bad, MSG_DONTWAIT), recvmsg(b, bad, MSG_DONTWAIT));
	SAME(lp_form_sendmmsg(-1, several, 1, 0), sendmmsg(-1, several, 1, 0));
	SAME(lp_form_recvmmsg(-1, more, 1, 0, NULL), recvmmsg(-1, more, 1, 0, NULL));
	SAME(lp_form_setsockopt(a, 9999, 1, &size, 4), setsockopt(b, 9999, 1, &size, 4));
	SAME(lp_form_getsockopt(a, SOL_SOCKET, SO_RCVBUF, bad, &length),
	     getsockopt(b, SOL_SOCKET, SO_RCVBUF, bad, &length));
	SAME(lp_form_accept4(a, NULL, NULL, 0), accept4(b, NULL, NULL, 0));
	for (int i = 0; i < 4; i++)
		close((int[]){a, b, to_a, to_b}[i]);
}

static void connections(void)
{
	int server = socket(AF_UNIX, SOCK_STREAM, 0), ends[2], fd, other;
	struct sockaddr address = {.sa_family = AF_UNIX}, x, y;
	socklen_t length = sizeof(sa_family_t), same;
	char byte;

	/* A name of the kernel's choice. */
	CHECK(bind(server, &address, length) == 0 && listen(server, 4) == 0);
	length = sizeof(address);
	CHECK(getsockname(server, &address, &length) == 0);
	for (int i = 0; i < 2; i++) {
		ends[i] = socket(AF_UNIX, SOCK_STREAM, 0);
		CHECK(connect(ends[i], &address, length) == 0);
	}
	fd = lp_form_accept4(server, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	CHECK(fd >= 0);
	CHECK(fcntl(fd, F_GETFD) == FD_CLOEXEC && fcntl(fd, F_GETFL) & O_NONBLOCK);
	SAME(lp_form_accept4(server, NULL, NULL, 9), accept4(server, NULL, NULL, 9));
	other = lp_form_accept(server, &x, &length);
	CHECK(other >= 0 && fcntl(other, F_GETFD) == 0 && fcntl(other, F_GETFL) == O_RDWR);
	SAME(lp_form_accept(minus, NULL, NULL), accept(minus, NULL, NULL));
	length = same = sizeof(x);
	SAME(lp_form_getsockname(fd, &x, &length), getsockname(fd, &y, &same));
	CHECK(length == same && !memcmp(&x, &y, length));
	length = same = sizeof(x);
	SAME(lp_form_getpeername(ends[0], &x, &length), getpeername(ends[0], &y, &same));
	CHECK(length == same && !memcmp(&x, &y, length));
	SAME(lp_form_getpeername(server, &x, &length), getpeername(server, &y, &same));
	SAME(lp_form_shutdown(other, SHUT_WR), 0);
	CHECK(recv(ends[1], &byte, 1, 0) == 0);
	SAME(lp_form_shutdown(server, 77), shutdown(server, 77));
	close(other);
	close(ends[0]);
	/* Nobody is there: SIGPIPE, unless it is not wanted. */
	SAME(lp_form_send(fd, "x", 1, MSG_NOSIGNAL), send(fd, "x", 1, MSG_NOSIGNAL));
	CHECK(ENDS(lp_form_write(fd, "x", 1)) == ENDS(write(fd, "x", 1)));
	close(ends[1]);
	close(fd);
	close(server);
}

/* A descriptor that is ready to read, the same one that isn't to write. */
static void selects(int fd)
{
	fd_set in_a, in_b, out_a, out_b;
	struct timeval limit_a = {1, 5}, limit_b = limit_a;

	for (int round = 0; round < 3; round++) {
		FD_ZERO(&in_a);
		FD_ZERO(&out_a);
		FD_SET(round == 1 ? fd : minus & 63, round ? &in_a : &out_a);
		in_b = in_a;
		out_b = out_a;
		limit_a.tv_sec = limit_b.tv_sec = round == 2 ? -1 : 0;
		SAME(lp_form_select(64, &in_a, &out_a, NULL, &limit_a),
		     select(64, &in_b, &out_b, NULL, &limit_b));
		CHECK(!memcmp(&in_a, &in_b, sizeof(in_a)) &&
		      !memcmp(&out_a, &out_b, sizeof(out_a)));
	}
	CHECK(lp_form_select(0, NULL, NULL, NULL, &(struct timeval){0, 1}) == 0);
	SAME(lp_form___fdelt_chk(1023), __fdelt_chk(1023));
	CHECK(ENDS(lp_form___fdelt_chk(1024)) == ENDS(__fdelt_chk(1024)));
	CHECK(ENDS(lp_form___fdelt_chk(minus)) == ENDS(__fdelt_chk(minus)));
}

static void waiting(void)
{
	int of = epoll_create1(0), ends[2];
	struct epoll_event event = {.events = EPOLLIN, .data.u64 = 42}, x = {0}, y = {0};
	struct pollfd polled = {.events = POLLIN}, same;

	CHECK(pipe(ends) == 0);
	CHECK(lp_form_epoll_ctl(of, EPOLL_CTL_ADD, ends[0], &event) == 0);
	SAME(lp_form_epoll_ctl(of, EPOLL_CTL_ADD, ends[0], &event),
	     epoll_ctl(of, EPOLL_CTL_ADD, ends[0], &event));
	SAME(lp_form_epoll_wait(of, &x, 1, 0), epoll_wait(of, &y, 1, 0));
	polled.fd = ends[0];
	same = polled;
	SAME(lp_form_poll(&polled, 1, 1), poll(&same, 1, 1));
	CHECK(write(ends[1], "x", 1) == 1);
	SAME(lp_form_epoll_wait(of, &x, 1, -1), epoll_wait(of, &y, 1, -1));
	CHECK(x.events == y.events && x.data.u64 == 42);
	SAME(lp_form_poll(&polled, 1, -1), poll(&same, 1, -1));
	CHECK(polled.revents == POLLIN && same.revents == POLLIN);
	SAME(lp_form___poll_chk(&polled, 1, 0, sizeof(polled)),
	     __poll_chk(&same, 1, 0, sizeof(same)));
	CHECK(ENDS(lp_form___poll_chk(&polled, 2, 0, sizeof(polled))) ==
	      ENDS(__poll_chk(&same, 2, 0, sizeof(same))));
	selects(ends[0]);
	SAME(lp_form_epoll_wait(of, &x, 0, 0), epoll_wait(of, &y, 0, 0));
	SAME(lp_form_epoll_wait(-1, &x, 1, 0), epoll_wait(-1, &y, 1, 0));
	SAME(lp_form_poll(bad, 1, 0), poll(bad, 1, 0));
	close(of);
	close(ends[0]);
	close(ends[1]);
}

static int64_t nanoseconds(struct timespec time)
{
	return time.tv_sec * 1000000000 + time.tv_nsec;
}

static void clocks(void)
{
	static const clockid_t all[] = {CLOCK_REALTIME,		  CLOCK_MONOTONIC,
					CLOCK_MONOTONIC_RAW,	  CLOCK_REALTIME_COARSE,
					CLOCK_MONOTONIC_COARSE,	  CLOCK_BOOTTIME,
					CLOCK_PROCESS_CPUTIME_ID, CLOCK_THREAD_CPUTIME_ID};
	struct timespec before, now, after;
	struct timeval coarse;
	time_t seconds, also;

	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
		CHECK(!clock_gettime(all[i], &before));
		CHECK(!lp_form_clock_gettime(all[i], &now));
		CHECK(!clock_gettime(all[i], &after));
		CHECK(nanoseconds(before) <= nanoseconds(now));
		CHECK(nanoseconds(now) <= nanoseconds(after));
	}
	SAME(lp_form_clock_gettime(77, &now), clock_gettime(77, &now));
	CHECK(ENDS(lp_form_clock_gettime(CLOCK_REALTIME, bad)) ==
	      ENDS(clock_gettime(CLOCK_REALTIME, bad)));
	CHECK(!clock_gettime(CLOCK_REALTIME, &before));
	CHECK(!lp_form_gettimeofday(&coarse, NULL));
	CHECK(!clock_gettime(CLOCK_REALTIME, &after));
	CHECK(coarse.tv_sec * 1000000 + coarse.tv_usec >= nanoseconds(before) / 1000);
	CHECK(coarse.tv_sec * 1000000 + coarse.tv_usec <= nanoseconds(after) / 1000);
	/* time() never goes back, whichever is asked. */
	for (int i = 0; i < 1000; i++) {
		CHECK(lp_form_time(&seconds) == seconds);
		also = time(NULL);
		CHECK(seconds <= also && also <= lp_form_time(NULL));
	}
}

/* A thread that waits in a cancellation point: this program cancels threads, so forms leave such
 * calls to the library. */
static void *waits(void *fd)
{
	char byte;

	if (lp_form_library.mutexes)
		lp_forms_attach();
	lp_form_read((int)(intptr_t)fd, &byte, 1);
	return NULL;
}

static void cancellation(void)
{
	pthread_t thread;
	int ends[2];
	void *result;

	CHECK(pipe(ends) == 0);
	CHECK(lp_form_library.cancels);
	CHECK(!pthread_create(&thread, NULL, waits, (void *)(intptr_t)ends[0]));
	CHECK(!pthread_cancel(thread));
	CHECK(!pthread_join(thread, &result));
	CHECK(result == PTHREAD_CANCELED);
	/* And without: forms make the calls themselves. */
	lp_form_library.cancels = false;
	close(ends[0]);
	close(ends[1]);
}

int main(int argc, char **argv)
{
	begin(argc, argv);
	CHECK(lp_form___errno_location() == &errno);
	CHECK(lp_form_getpid() == getpid() && lp_form_gettid() == gettid());
	if (lp_form_library.mutexes)
		cancellation();
	files();
	names();
	controls();
	sockets();
	connections();
	waiting();
	clocks();
	return 0;
}
