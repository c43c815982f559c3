// SPDX-License-Identifier: GPL-2.0-only
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "session.h"

uint64_t amount_asked;

uint64_t amount(uint64_t usual)
{
	return amount_asked ? amount_asked : usual;
}

void check_failed(const char *file, int line, const char *condition)
{
	printf("%s:%d: %s (errno: %s)\n", file, line, condition, strerror(errno));
	fflush(stdout);
	_exit(1);
}

double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec + time.tv_nsec * 1e-9;
}

char *map_pages(size_t count)
{
	char *at =
	    mmap(NULL, count * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(at != MAP_FAILED);
	return at;
}

int ended(pid_t pid, int options)
{
	int status;

	CHECK(waitpid(pid, &status, options) == pid);
	return status;
}

void until_gone(pid_t pid)
{
	double deadline = now() + 20;
	int status;

	while (kill(pid, 0) == 0) {
		waitpid(pid, &status, __WALL | WNOHANG);
		CHECK(now() < deadline);
		sched_yield();
	}
}

int ioctl_error(int fd, unsigned long command, void *argument)
{
	errno = 0;
	return ioctl(fd, command, argument) ? errno : 0;
}

struct lp_attach attach_request(void)
{
	struct lp_attach attach = {
	    .protocol = LP_PROTOCOL,
	    .name = LP_SELFTEST_NAME,
	    .build_id = LP_SELFTEST_BUILD_ID,
	};

	return attach;
}

pid_t start_body(int fd)
{
	struct lp_enter enter = {0};
	pid_t pid = syscall(SYS_clone, CLONE_FILES | CLONE_FS | CLONE_UNTRACED, 0, 0, 0, 0);

	if (pid == 0) {
		ioctl(fd, LP_IOC_ENTER, &enter);
		_exit(errno);
	}
	return pid;
}

void begin_with(struct session *session, int fd, const char *name)
{
	struct lp_attach attach = attach_request();
	struct lp_await await = {0};

	strcpy(attach.name, name);
	session->fd = fd;
	CHECK(session->fd >= 0);
	session->stack =
	    mmap(NULL, STACK_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(session->stack != MAP_FAILED);
	CHECK(ioctl(session->fd, LP_IOC_ATTACH, &attach) == 0);
	session->body = start_body(session->fd);
	CHECK(session->body > 0);
	await.pid = session->body;
	CHECK(ioctl(session->fd, LP_IOC_AWAIT, &await) == 0);
}

void begin_as(struct session *session, const char *name)
{
	begin_with(session, open(DEVICE, O_RDWR | O_CLOEXEC), name);
}

void begin(struct session *session)
{
	begin_as(session, LP_SELFTEST_NAME);
}

void finish(struct session *session)
{
	int status;

	CHECK(ioctl(session->fd, LP_IOC_DETACH, 0) == 0);
	CHECK(close(session->fd) == 0);
	CHECK(waitpid(session->body, &status, __WCLONE) == session->body);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	CHECK(munmap(session->stack, STACK_SIZE) == 0);
}

int ask(struct session *session, uint32_t operation, uint64_t a, uint64_t b, uint64_t c, uint64_t d,
	uint64_t *result)
{
	struct lp_call call = {
	    .operation = operation,
	    .stack_low = (uintptr_t)session->stack,
	    .stack_top = (uintptr_t)session->stack + STACK_SIZE,
	    .arguments = {a, b, c, d},
	};
	int status = ioctl(session->fd, LP_IOC_CALL, &call);

	*result = call.result;
	return status;
}

uint64_t must(struct session *session, uint32_t operation, uint64_t a, uint64_t b, uint64_t c,
	      uint64_t d)
{
	uint64_t result;

	CHECK(ask(session, operation, a, b, c, d, &result) == 0);
	return result;
}

struct lp_counters counters(struct session *session)
{
	struct lp_counters counters;

	CHECK(ioctl(session->fd, LP_IOC_COUNTERS, &counters) == 0);
	return counters;
}
