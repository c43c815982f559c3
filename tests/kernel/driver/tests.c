// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tests of the driver from user space, run in a guest: `driver NAME [AMOUNT]`, or `driver --list`.
 * Silent with status 0 when the test holds, else the reason and status 1.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "run.h"

static __thread uint64_t local = 42;

static uint64_t load(struct session *s, const void *at)
{
	return must(s, LP_SELFTEST_LOAD, (uintptr_t)at, 0, 0, 0);
}

static void store(struct session *s, void *at, uint64_t value)
{
	must(s, LP_SELFTEST_STORE, (uintptr_t)at, value, 0, 0);
}

static int error_of(struct session *s, uint32_t operation, uint64_t a, uint64_t b)
{
	uint64_t result;

	return ask(s, operation, a, b, 0, 0, &result) ? errno : 0;
}

static void attach_and_detach(void)
{
	struct session s;

	begin(&s);
	finish(&s);
}

static void memory_means_the_same_on_both_sides(void)
{
	uint64_t *heap = malloc(sizeof(*heap));
	struct session s;
	uint64_t self;

	begin(&s);
	word = 7;
	CHECK(load(&s, &word) == 7);
	store(&s, &word, 8);
	CHECK(word == 8);
	word = 9;
	CHECK(load(&s, &word) == 9);
	store(&s, heap, 10);
	CHECK(*heap == 10);
	CHECK(load(&s, &local) == 42);
	__asm__("mov %%fs:0, %0" : "=r"(self));
	CHECK(must(&s, LP_SELFTEST_TLS, 0, 0, 0, 0) == self);
	CHECK(counters(&s).calls == 6);
	finish(&s);
}

static void a_loop_runs_on_the_applications_stack_with_interrupts(void)
{
	struct session s;

	begin(&s);
	word = 0;
	must(&s, LP_SELFTEST_COUNT, (uintptr_t)&word, 3000000, 0, 0);
	CHECK(word == 3000000);
	finish(&s);
}

static void reading_then_writing_a_page_upgrades_it(void)
{
	struct session s;
	char *page = map_pages(1);
	struct lp_counters before;

	begin(&s);
	CHECK(load(&s, page) == 0); /* the zero page */
	before = counters(&s);
	store(&s, page, 5);
	CHECK(counters(&s).upgrades == before.upgrades + 1);
	CHECK(*(uint64_t *)page == 5);
	finish(&s);
}

static void an_access_over_two_pages_gets_both(void)
{
	struct session s;
	char *pages = map_pages(3);
	uint64_t value = 0x1122334455667788, back;

	begin(&s);
	store(&s, pages + PAGE - 3, value);
	memcpy(&back, pages + PAGE - 3, 8);
	CHECK(back == value);
	CHECK(munmap(pages + 2 * PAGE, PAGE) == 0);
	/* Half of it is not there. */
	CHECK(error_of(&s, LP_SELFTEST_LOAD, (uintptr_t)pages + 2 * PAGE - 3, 0) == EFAULT);
	CHECK(error_of(&s, LP_SELFTEST_STORE, (uintptr_t)pages + 2 * PAGE - 3, 1) == EFAULT);
	CHECK(load(&s, pages + PAGE - 3) == value);
	finish(&s);
}

static void addresses_without_a_page_are_errors(void)
{
	static const uint64_t bad[] = {0,
				       8,
				       PAGE,
				       65536,
				       0x7fffffffe000,
				       0x7ffffffff000,
				       0x800000000000,
				       0x0123456789abcdef,
				       KERNEL_HALF};
	struct session s;
	char *page = map_pages(1);

	begin(&s);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		CHECK(error_of(&s, LP_SELFTEST_LOAD, bad[i], 0) == EFAULT);
		CHECK(error_of(&s, LP_SELFTEST_STORE, bad[i], 1) == EFAULT);
	}
	CHECK(munmap(page, PAGE) == 0);
	CHECK(error_of(&s, LP_SELFTEST_LOAD, (uintptr_t)page, 0) == EFAULT);
	word = 3;
	CHECK(load(&s, &word) == 3);
	finish(&s);
}

static void memory_that_is_for_reading_is_not_written(void)
{
	struct session s;
	char *page = map_pages(1);

	begin(&s);
	*(uint64_t *)page = 1;
	CHECK(load(&s, page) == 1);
	store(&s, page, 2);
	CHECK(mprotect(page, PAGE, PROT_READ) == 0);
	CHECK(load(&s, page) == 2);
	CHECK(error_of(&s, LP_SELFTEST_STORE, (uintptr_t)page, 3) == EFAULT);
	CHECK(*(uint64_t *)page == 2);
	CHECK(error_of(&s, LP_SELFTEST_STORE, (uintptr_t) "text", 3) == EFAULT);
	CHECK(mprotect(page, PAGE, PROT_NONE) == 0);
	CHECK(error_of(&s, LP_SELFTEST_LOAD, (uintptr_t)page, 0) == EFAULT);
	CHECK(mprotect(page, PAGE, PROT_READ | PROT_WRITE) == 0);
	store(&s, page, 4);
	CHECK(*(uint64_t *)page == 4);
	finish(&s);
}

static void the_mirror_follows_munmap_mremap_and_madvise(void)
{
	struct session s;
	char *page = map_pages(1), *other;

	begin(&s);
	store(&s, page, 1);
	CHECK(munmap(page, PAGE) == 0);
	CHECK(mmap(page, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
		   0) == page);
	CHECK(load(&s, page) == 0);
	store(&s, page, 2);
	CHECK(madvise(page, PAGE, MADV_DONTNEED) == 0);
	CHECK(load(&s, page) == 0);
	store(&s, page, 3);
	other = map_pages(1);
	CHECK(mremap(page, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, other) == other);
	CHECK(load(&s, other) == 3);
	CHECK(error_of(&s, LP_SELFTEST_LOAD, (uintptr_t)page, 0) == EFAULT);
	finish(&s);
}

static void the_mirror_follows_fork(void)
{
	struct session s;
	char *page = map_pages(1);
	pid_t child;

	begin(&s);
	store(&s, page, 1);
	child = fork();
	if (child == 0) {
		*(uint64_t *)page = 9;
		_exit(*(uint64_t *)page == 9 ? 0 : 1);
	}
	/* The page is shared until one of them writes: E's write must be U's own. */
	store(&s, page, 2);
	CHECK(ended(child, 0) == 0);
	CHECK(*(uint64_t *)page == 2);
	CHECK(load(&s, page) == 2);
	finish(&s);
}

static void huge_pages_are_mirrored(void)
{
	size_t size = 4 << 20;
	char *area = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct session s;

	CHECK(area != MAP_FAILED);
	madvise(area, size, MADV_HUGEPAGE);
	memset(area, 1, size);
	begin(&s);
	for (size_t at = 0; at < size; at += 64 * PAGE) {
		CHECK(load(&s, area + at) == 0x0101010101010101);
		store(&s, area + at, at);
		CHECK(*(uint64_t *)(area + at) == at);
	}
	finish(&s);
}

static void shared_file_mappings_are_written_through(void)
{
	int fd = memfd_create("shared", 0);
	uint64_t back = 0;
	struct session s;
	char *page;

	CHECK(fd >= 0 && ftruncate(fd, PAGE) == 0);
	page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(page != MAP_FAILED);
	begin(&s);
	store(&s, page + 8, 77);
	CHECK(pread(fd, &back, 8, 8) == 8 && back == 77);
	CHECK(ftruncate(fd, 0) == 0);
	CHECK(error_of(&s, LP_SELFTEST_LOAD, (uintptr_t)page, 0) == EFAULT);
	finish(&s);
}

static void system_calls_are_function_calls(void)
{
	char text[] = "from the kernel", back[64] = "";
	struct session s;
	uint64_t result;
	int ends[2], fd;

	begin(&s);
	CHECK(pipe(ends) == 0); /* after E began: the table of files is one */
	result = must(&s, LP_SELFTEST_SYSCALL, SYS_write, ends[1], (uintptr_t)text, sizeof(text));
	CHECK(result == sizeof(text));
	result = must(&s, LP_SELFTEST_SYSCALL, SYS_read, ends[0], (uintptr_t)back, sizeof(back));
	CHECK(result == sizeof(text) && !strcmp(text, back));
	result = must(&s, LP_SELFTEST_SYSCALL, SYS_write, ends[1], 16, 4);
	CHECK((int64_t)result == -EFAULT);
	result = must(&s, LP_SELFTEST_SYSCALL, SYS_write, 9999, (uintptr_t)text, 4);
	CHECK((int64_t)result == -EBADF);
	/* Not of those that E may make. */
	CHECK((int64_t)must(&s, LP_SELFTEST_SYSCALL, SYS_brk, 0, 0, 0) == -ENOSYS);
	CHECK((int64_t)must(&s, LP_SELFTEST_SYSCALL, SYS_ioctl, s.fd, LP_IOC_DETACH, 0) == -ENOSYS);
	CHECK((int64_t)must(&s, LP_SELFTEST_SYSCALL, 100000, 0, 0, 0) == -ENOSYS);
	/* Closed by E means closed: the reader sees the end. */
	CHECK(must(&s, LP_SELFTEST_SYSCALL, SYS_close, ends[1], 0, 0) == 0);
	CHECK(fcntl(ends[1], F_GETFD) == -1 && errno == EBADF);
	CHECK(read(ends[0], back, 1) == 0);
	fd = open("/dev/null", O_RDONLY);
	CHECK(fd == ends[1]);
	finish(&s);
}

static atomic_int signals;

static void count_signal(int number)
{
	(void)number;
	signals++;
}

static void a_signal_for_u_interrupts_what_e_waits_for(void)
{
	struct sigaction action = {.sa_handler = count_signal};
	struct itimerspec soon = {.it_value.tv_nsec = 100000000};
	struct session s;
	timer_t timer;
	uint64_t result, byte;
	int ends[2];

	begin(&s);
	CHECK(pipe(ends) == 0);
	CHECK(sigaction(SIGALRM, &action, NULL) == 0);
	CHECK(timer_create(CLOCK_MONOTONIC, NULL, &timer) == 0);
	for (int i = 1; i <= 3; i++) {
		CHECK(timer_settime(timer, 0, &soon, NULL) == 0);
		result = must(&s, LP_SELFTEST_SYSCALL, SYS_read, ends[0], (uintptr_t)&byte, 1);
		CHECK((int64_t)result == -EINTR);
		CHECK(signals == i);
	}
	/* The next call is none the worse. */
	CHECK(write(ends[1], "x", 1) == 1);
	CHECK(must(&s, LP_SELFTEST_SYSCALL, SYS_read, ends[0], (uintptr_t)&byte, 1) == 1);
	finish(&s);
}

static void stopping_both_bodies_does_not_disturb_them(void)
{
	struct session s;

	begin(&s);
	CHECK(kill(s.body, SIGSTOP) == 0);
	CHECK(kill(s.body, SIGTERM) == 0);
	word = 1;
	for (int i = 0; i < 100; i++)
		CHECK(load(&s, &word) == 1);
	CHECK(kill(s.body, SIGCONT) == 0);
	CHECK(load(&s, &word) == 1);
	finish(&s);
}

/* In a child: a session that waits for good. Its pid and E's; returns when E is there. */
static pid_t waiting_process(pid_t *body, uint32_t operation)
{
	int ends[2];
	pid_t child;

	CHECK(pipe(ends) == 0);
	child = fork();
	if (child == 0) {
		struct session s;
		int forever[2];
		uint64_t result;

		begin(&s);
		CHECK(pipe(forever) == 0);
		CHECK(write(ends[1], &s.body, sizeof(s.body)) == sizeof(s.body));
		if (operation == LP_SELFTEST_SYSCALL)
			ask(&s, operation, SYS_read, forever[0], (uintptr_t)&word, 1, &result);
		else if (operation == LP_SELFTEST_COUNT)
			ask(&s, operation, (uintptr_t)&word, 30000000, 0, 0, &result);
		for (;;)
			pause();
	}
	CHECK(read(ends[0], body, sizeof(*body)) == sizeof(*body));
	close(ends[0]);
	close(ends[1]);
	return child;
}

static void killing_u_ends_e(void)
{
	static const uint32_t doing[] = {LP_SELFTEST_LOAD, LP_SELFTEST_SYSCALL, LP_SELFTEST_COUNT};

	CHECK(prctl(PR_SET_CHILD_SUBREAPER, 1) == 0);
	for (int i = 0; i < 3; i++) {
		pid_t body, user = waiting_process(&body, doing[i]);

		CHECK(kill(user, SIGKILL) == 0);
		CHECK(WTERMSIG(ended(user, 0)) == SIGKILL);
		until_gone(body);
	}
}

static void killing_e_ends_u(void)
{
	static const uint32_t doing[] = {LP_SELFTEST_LOAD, LP_SELFTEST_SYSCALL, LP_SELFTEST_COUNT};

	CHECK(prctl(PR_SET_CHILD_SUBREAPER, 1) == 0);
	for (int i = 0; i < 3; i++) {
		pid_t body, user = waiting_process(&body, doing[i]);
		int status;

		CHECK(kill(body, SIGKILL) == 0);
		status = ended(user, 0);
		CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
		until_gone(body);
	}
}

static void exec_and_exit_of_u_end_e(void)
{
	CHECK(prctl(PR_SET_CHILD_SUBREAPER, 1) == 0);
	for (int i = 0; i < 2; i++) {
		int ends[2], status;
		pid_t child, body;

		CHECK(pipe(ends) == 0);
		child = fork();
		if (child == 0) {
			struct session s;

			begin(&s);
			CHECK(write(ends[1], &s.body, sizeof(s.body)) == sizeof(s.body));
			if (i)
				execl("/bin/true", "true", NULL);
			_exit(0);
		}
		CHECK(read(ends[0], &body, sizeof(body)) == sizeof(body));
		status = ended(child, 0);
		CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
		until_gone(body);
	}
}

static void *attach_in_thread(void *unused)
{
	struct session *s = malloc(sizeof(*s));

	(void)unused;
	begin(s);
	return s;
}

static void the_end_of_the_thread_ends_e_while_the_process_lives(void)
{
	pthread_t thread;
	void *session;

	CHECK(pthread_create(&thread, NULL, attach_in_thread, NULL) == 0);
	CHECK(pthread_join(thread, &session) == 0);
	until_gone(((struct session *)session)->body);
}

static void closing_the_file_ends_e(void)
{
	struct session s;
	int status;

	begin(&s);
	CHECK(close(s.fd) == 0);
	status = ended(s.body, __WCLONE);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static void a_child_that_closes_its_copy_does_not_end_e(void)
{
	struct session s;
	pid_t child;

	begin(&s);
	child = fork();
	if (child == 0) {
		close(s.fd);
		_exit(0);
	}
	CHECK(ended(child, 0) == 0);
	word = 4;
	CHECK(load(&s, &word) == 4);
	finish(&s);
}

static void every_thread_has_a_body_of_its_own(void)
{
	pthread_t threads[4];
	struct session s;
	void *theirs;

	begin(&s);
	for (int i = 0; i < 4; i++)
		CHECK(pthread_create(&threads[i], NULL, attach_in_thread, NULL) == 0);
	for (int i = 0; i < 4; i++) {
		CHECK(pthread_join(threads[i], &theirs) == 0);
		CHECK(((struct session *)theirs)->body != s.body);
	}
	word = 6;
	CHECK(load(&s, &word) == 6);
	finish(&s);
}

static void a_module_of_another_build_is_refused_with_its_id(void)
{
	struct lp_attach attach = attach_request(), expected = attach_request();
	int fd = open(DEVICE, O_RDWR);

	attach.build_id[3] ^= 1;
	CHECK(ioctl(fd, LP_IOC_ATTACH, &attach) == -1 && errno == ESTALE);
	CHECK(!memcmp(attach.build_id, expected.build_id, sizeof(attach.build_id)));
	strcpy(attach.name, "nothing");
	CHECK(ioctl(fd, LP_IOC_ATTACH, &attach) == -1 && errno == ENOENT);
	CHECK(ioctl(fd, LP_IOC_ATTACH, &expected) == 0);
	CHECK(ioctl(fd, LP_IOC_ATTACH, &expected) == -1 && errno == EBUSY);
	close(fd);
}

static void arguments_are_checked(void)
{
	struct lp_attach attach;
	struct lp_enter enter = {0};
	struct lp_await await = {.pid = getpid()};
	struct lp_call call, good;
	struct session s;
	int fd = open(DEVICE, O_RDWR);

	CHECK(ioctl_error(fd, LP_IOC_AWAIT, &await) == EPERM); /* not attached */
	CHECK(ioctl_error(fd, LP_IOC_COUNTERS, NULL) == EPERM);
	CHECK(ioctl_error(fd, LP_IOC_ENTER, &enter) == EBUSY);
	CHECK(ioctl_error(fd, LP_IOC_ATTACH, NULL) == EFAULT);
	CHECK(ioctl_error(fd, LP_IOC_ATTACH, (void *)KERNEL_HALF) == EFAULT);
#define REFUSED(field)                                                                             \
	do {                                                                                       \
		attach = attach_request();                                                         \
		attach.field = 0x7f;                                                               \
		CHECK(ioctl_error(fd, LP_IOC_ATTACH, &attach) == EINVAL);                          \
	} while (0)
	REFUSED(protocol);
	REFUSED(flags);
	REFUSED(pad);
#undef REFUSED
	attach = attach_request();
	memset(attach.name, 'x', sizeof(attach.name));
	CHECK(ioctl_error(fd, LP_IOC_ATTACH, &attach) == EINVAL);
	CHECK(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0) == MAP_FAILED && errno == EPERM);
	close(fd);

	begin(&s);
	CHECK(ioctl_error(s.fd, LP_IOC_ENTER, &enter) == EBUSY);
	enter.flags = 1;
	CHECK(ioctl_error(s.fd, LP_IOC_ENTER, &enter) == EINVAL);
	CHECK(ioctl_error(s.fd, LP_IOC_AWAIT, &await) == ECHILD);
	await.pid = -1;
	CHECK(ioctl_error(s.fd, LP_IOC_AWAIT, &await) == EINVAL);
	CHECK(ioctl_error(s.fd, LP_IOC_DETACH, &s) == EINVAL);
	CHECK(ioctl_error(s.fd, _IO(LP_IOC_MAGIC, 99), NULL) == ENOTTY);
	CHECK(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, s.fd, 0) == MAP_FAILED && errno == EPERM);
	good = (struct lp_call){
	    .operation = LP_SELFTEST_LOAD,
	    .stack_low = (uintptr_t)s.stack,
	    .stack_top = (uintptr_t)s.stack + STACK_SIZE,
	    .arguments = {(uintptr_t)&word},
	};
	call = good;
	CHECK(ioctl_error(s.fd, LP_IOC_CALL, &call) == 0);
	call.flags = 1;
	CHECK(ioctl_error(s.fd, LP_IOC_CALL, &call) == EINVAL);
	call = good;
	call.operation = 1000;
	CHECK(ioctl_error(s.fd, LP_IOC_CALL, &call) == EINVAL);
	call = good;
	call.stack_low += 8;
	CHECK(ioctl_error(s.fd, LP_IOC_CALL, &call) == EINVAL);
	call = good;
	call.stack_top -= 8;
	CHECK(ioctl_error(s.fd, LP_IOC_CALL, &call) == EINVAL);
	call = good;
	call.stack_top = call.stack_low + 4096;
	CHECK(ioctl_error(s.fd, LP_IOC_CALL, &call) == EINVAL);
	call = good;
	call.stack_low = KERNEL_HALF;
	call.stack_top = KERNEL_HALF + 65536;
	CHECK(ioctl_error(s.fd, LP_IOC_CALL, &call) == EINVAL);
	call = good;
	call.stack_low = 0x7f0000000000;
	call.stack_top = call.stack_low + 65536;
	CHECK(ioctl_error(s.fd, LP_IOC_CALL, &call) == EFAULT); /* nothing there, it seems */
	finish(&s);
}

static void only_us_own_child_becomes_e(void)
{
	struct lp_attach attach = attach_request();
	struct lp_enter enter = {0};
	struct lp_await await = {0};
	int fd = open(DEVICE, O_RDWR);
	pid_t child;

	CHECK(ioctl(fd, LP_IOC_ATTACH, &attach) == 0);
	/* U itself; a child with a table of files of its own; the child of one that has other
	 * memory. */
	CHECK(ioctl_error(fd, LP_IOC_ENTER, &enter) == EPERM);
	child = fork();
	if (child == 0)
		_exit(ioctl_error(fd, LP_IOC_ENTER, &enter));
	CHECK(WEXITSTATUS(ended(child, 0)) == EPERM);
	child = syscall(SYS_clone, CLONE_FILES | CLONE_FS, 0, 0, 0, 0);
	if (child == 0) {
		pid_t grandchild = syscall(SYS_clone, CLONE_FILES | CLONE_FS, 0, 0, 0, 0);

		if (grandchild == 0)
			_exit(ioctl_error(fd, LP_IOC_ENTER, &enter));
		_exit(WEXITSTATUS(ended(grandchild, __WCLONE)));
	}
	CHECK(WEXITSTATUS(ended(child, __WCLONE)) == EPERM);
	/* A child of U's may not await what another makes. */
	child = syscall(SYS_clone, CLONE_FILES | CLONE_FS, 0, 0, 0, 0);
	if (child == 0) {
		await.pid = 1;
		_exit(ioctl_error(fd, LP_IOC_AWAIT, &await));
	}
	CHECK(WEXITSTATUS(ended(child, __WCLONE)) == EPERM);
	/* One that a debugger would wait for. */
	child = syscall(SYS_clone, CLONE_FILES | CLONE_FS, 0, 0, 0, 0);
	if (child == 0) {
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		_exit(ioctl_error(fd, LP_IOC_ENTER, &enter));
	}
	CHECK(WEXITSTATUS(ended(child, __WCLONE)) == EPERM);
	/* A child that dies instead is not awaited for ever. */
	child = syscall(SYS_clone, CLONE_FILES | CLONE_FS, 0, 0, 0, 0);
	if (child == 0) {
		usleep(100000);
		_exit(0);
	}
	await.pid = child;
	CHECK(ioctl_error(fd, LP_IOC_AWAIT, &await) == ECHILD);
	CHECK(ended(child, __WCLONE) == 0);
	close(fd);
}

struct maker {
	int fd;
	bool in_vain;
	pid_t body;
	int error; /* of AWAIT */
};

/* As vfork()'s child, on U's memory. */
static int make_body(void *argument)
{
	struct maker *maker = argument;
	struct lp_await await = {0};

	maker->body = maker->in_vain ? syscall(SYS_clone, CLONE_FILES | CLONE_FS, 0, 0, 0, 0)
				     : start_body(maker->fd);
	if (maker->body == 0)
		_exit(0);
	await.pid = maker->body;
	maker->error = ioctl_error(maker->fd, LP_IOC_AWAIT, &await);
	return 0;
}

static void make_orphan(struct maker *maker)
{
	char *stack = map_pages(8);
	pid_t pid = clone(make_body, stack + 8 * PAGE,
			  CLONE_VM | CLONE_VFORK | CLONE_FILES | CLONE_FS | CLONE_UNTRACED, maker);

	CHECK(pid > 0 && ended(pid, __WCLONE) == 0);
	CHECK(munmap(stack, 8 * PAGE) == 0);
}

/* Whether it is there, and more than an entry in the table of processes. */
static bool lives(pid_t pid)
{
	char path[64], state = 'Z';
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	file = fopen(path, "r");
	if (!file)
		return false;
	if (fscanf(file, "%*d (%*[^)]) %c", &state) != 1)
		state = 'Z';
	fclose(file);
	return state != 'Z' && state != 'X';
}

static void e_may_be_made_by_a_child_that_ends(void)
{
	struct lp_attach attach = attach_request();
	struct maker maker = {.fd = open(DEVICE, O_RDWR)};
	struct session s = {.fd = maker.fd, .stack = map_pages(STACK_SIZE / PAGE)};

	CHECK(ioctl(s.fd, LP_IOC_ATTACH, &attach) == 0);
	make_orphan(&maker);
	CHECK(maker.error == 0);
	/* So U has no child. */
	CHECK(waitpid(-1, NULL, __WALL | WNOHANG) == -1 && errno == ECHILD);
	word = 8;
	CHECK(load(&s, &word) == 8);
	CHECK(lives(maker.body));
	CHECK(ioctl(s.fd, LP_IOC_DETACH, 0) == 0);
	CHECK(!lives(maker.body));
	close(s.fd);
	until_gone(maker.body);
}

static void one_that_dies_instead_of_becoming_e_is_not_awaited_for_ever(void)
{
	struct lp_attach attach = attach_request();
	struct maker maker = {.fd = open(DEVICE, O_RDWR), .in_vain = true};

	CHECK(ioctl(maker.fd, LP_IOC_ATTACH, &attach) == 0);
	make_orphan(&maker);
	CHECK(maker.error == ECHILD);
	close(maker.fd);
}

static void others_may_not_use_the_session(void)
{
	struct session s;
	pid_t child;

	begin(&s);
	child = fork();
	if (child == 0) {
		uint64_t result;

		CHECK(ask(&s, LP_SELFTEST_LOAD, (uintptr_t)&word, 0, 0, 0, &result) == -1);
		CHECK(errno == EPERM);
		CHECK(ioctl_error(s.fd, LP_IOC_DETACH, 0) == EPERM);
		_exit(0);
	}
	CHECK(ended(child, 0) == 0);
	finish(&s);
}

static void others_than_root_may_not_open_it(void)
{
	CHECK(setuid(65534) == 0);
	CHECK(open(DEVICE, O_RDWR) == -1 && (errno == EACCES || errno == EPERM));
}

static void who_has_a_file_gets_more_of_them(void)
{
	int fd = open(DEVICE, O_RDWR | O_CLOEXEC), another;
	struct session s;

	CHECK(setuid(65534) == 0);
	begin_with(&s, ioctl(fd, LP_IOC_OPEN, 0), LP_SELFTEST_NAME);
	CHECK(fcntl(s.fd, F_GETFD) == FD_CLOEXEC);
	another = ioctl(s.fd, LP_IOC_OPEN, 0);
	CHECK(ioctl_error(fd, LP_IOC_OPEN, &word) == EINVAL);
	word = 3;
	CHECK(load(&s, &word) == 3);
	finish(&s);
	/* A thread has one session at a time. */
	begin_with(&s, another, LP_SELFTEST_NAME);
	CHECK(load(&s, &word) == 3);
	finish(&s);
}

static void e_follows_a_change_of_user(void)
{
	struct session s;
	int fd;

	begin(&s);
	CHECK(setuid(65534) == 0);
	word = 2;
	CHECK(load(&s, &word) == 2);
	fd = open("/dev/null", O_WRONLY);
	CHECK(must(&s, LP_SELFTEST_SYSCALL, SYS_write, fd, (uintptr_t)&word, 8) == 8);
	finish(&s);
}

static void no_kernel_address_stays_on_the_stack(void)
{
	struct session s;
	uint64_t result;

	begin(&s);
	must(&s, LP_SELFTEST_COUNT, (uintptr_t)&word, 1000000, 0, 0);
	must(&s, LP_SELFTEST_SYSCALL, SYS_write, -1, 0, 0);
	CHECK(ask(&s, LP_SELFTEST_LOAD, 0, 0, 0, 0, &result) == -1 && errno == EFAULT);
	for (size_t at = 0; at < STACK_SIZE; at += 8)
		CHECK(*(uint64_t *)(s.stack + at) < KERNEL_HALF);
	finish(&s);
}

/* What happens to memory while E works on it. */
struct storm {
	struct session session;
	char *pages;
	atomic_bool over;
};

#define STORM_PAGES 32

static void *stir(void *argument)
{
	struct storm *storm = argument;
	size_t half = STORM_PAGES / 2 * PAGE;
	unsigned int round = 0;

	while (!storm->over) {
		char *at = storm->pages + half;
		int status;
		pid_t child;

		switch (round++ % 6) {
		case 0:
			CHECK(munmap(at, half) == 0);
			CHECK(mmap(at, half, PROT_READ | PROT_WRITE,
				   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == at);
			break;
		case 1:
			CHECK(mprotect(at, half, PROT_READ) == 0);
			CHECK(mprotect(at, half, PROT_READ | PROT_WRITE) == 0);
			break;
		case 2:
			CHECK(madvise(at, half, MADV_DONTNEED) == 0);
			break;
		case 3:
			/* Under E's feet; what is there stays. */
			madvise(storm->session.stack, STACK_SIZE, MADV_PAGEOUT);
			madvise(storm->pages, half, MADV_PAGEOUT);
			break;
		case 4:
			CHECK(mprotect(storm->session.stack, STACK_SIZE,
				       PROT_READ | PROT_WRITE | PROT_EXEC) == 0);
			CHECK(mprotect(storm->session.stack, STACK_SIZE, PROT_READ | PROT_WRITE) ==
			      0);
			break;
		case 5:
			child = fork();
			if (child == 0)
				_exit(0);
			CHECK(waitpid(child, &status, 0) == child && status == 0);
			break;
		}
	}
	return NULL;
}

static void a_storm_of_changes_under_e(void)
{
	size_t half = STORM_PAGES / 2 * PAGE, words = half / 8;
	struct storm storm = {.over = false};
	double end = now() + amount(3);
	uint64_t result, *first;
	unsigned int rounds = 0;
	pthread_t thread;

	storm.pages = map_pages(STORM_PAGES);
	begin(&storm.session);
	CHECK(pthread_create(&thread, NULL, stir, &storm) == 0);
	first = (uint64_t *)storm.pages;
	while (now() < end) {
		/* The first half is never lost: what E counts there is exact. */
		must(&storm.session, LP_SELFTEST_COUNT, (uintptr_t)first, 1000, 0, 0);
		rounds++;
		CHECK(*first == 1000ULL * rounds);
		/* The second half comes and goes: no access to it may do harm. */
		ask(&storm.session, LP_SELFTEST_COPY, (uintptr_t)storm.pages,
		    (uintptr_t)storm.pages + half, words, 0, &result);
		ask(&storm.session, LP_SELFTEST_COPY, (uintptr_t)storm.pages + half,
		    (uintptr_t)storm.pages + 8, words - 1, 0, &result);
	}
	storm.over = true;
	CHECK(pthread_join(thread, NULL) == 0);
	CHECK(rounds > 10);
	CHECK(counters(&storm.session).invalidations > 10);
	finish(&storm.session);
}

static int unload(const char *module)
{
	return syscall(SYS_delete_module, module, O_NONBLOCK) ? errno : 0;
}

static void modules_in_use_are_not_unloaded(void)
{
	struct session s;

	begin(&s);
	CHECK(unload("lp_selftest") == EAGAIN);
	CHECK(unload("lakeplacid") == EAGAIN);
	word = 5;
	CHECK(load(&s, &word) == 5);
	finish(&s);
}

static int enter_and_tell(void *fd)
{
	struct lp_enter enter = {0};

	_exit(ioctl_error((int)(intptr_t)fd, LP_IOC_ENTER, &enter));
}

static int wait_for_end(void *end)
{
	char byte;

	/* No cleverness: this runs on the memory of a process that waits. */
	syscall(SYS_read, (int)(intptr_t)end, &byte, 1);
	syscall(SYS_exit, 0);
	return 0;
}

static void memory_shared_with_others_is_not_taken(void)
{
	struct lp_attach attach = attach_request();
	struct lp_enter enter = {0};
	int fd = open(DEVICE, O_RDWR), ends[2], error;
	char *stack = map_pages(8) + 8 * PAGE;
	pid_t child, sharer;

	CHECK(ioctl(fd, LP_IOC_ATTACH, &attach) == 0);
	/* U's own memory. */
	child = clone(enter_and_tell, stack, CLONE_FILES | CLONE_FS | CLONE_VM | CLONE_VFORK,
		      (void *)(intptr_t)fd);
	CHECK(WEXITSTATUS(ended(child, __WCLONE)) == EPERM);
	/* That of another process, which could unmap what E stands on. */
	CHECK(pipe(ends) == 0);
	child = syscall(SYS_clone, CLONE_FILES | CLONE_FS, 0, 0, 0, 0);
	if (child == 0) {
		sharer = clone(wait_for_end, stack, CLONE_VM, (void *)(intptr_t)ends[0]);
		if (sharer < 0)
			_exit(1);
		error = ioctl_error(fd, LP_IOC_ENTER, &enter);
		kill(sharer, SIGKILL);
		_exit(waitpid(sharer, NULL, __WCLONE) == sharer ? error : 1);
	}
	CHECK(WEXITSTATUS(ended(child, __WCLONE)) == EPERM);
	close(fd);
}

static void many_cycles(void)
{
	struct session s;

	for (uint64_t i = 0; i < amount(150); i++) {
		const struct lp_registers given = some_registers();

		begin(&s);
		word = i;
		CHECK(load(&s, &word) == i);
		CHECK(run(&s, LP_ENTRY_INVERT, &given).error == 0);
		finish(&s);
	}
}

/* clang-format off */
static const struct test tests[] = {
	TEST(attach_and_detach),
	TEST(memory_means_the_same_on_both_sides),
	TEST(a_loop_runs_on_the_applications_stack_with_interrupts),
	TEST(reading_then_writing_a_page_upgrades_it),
	TEST(an_access_over_two_pages_gets_both),
	TEST(addresses_without_a_page_are_errors),
	TEST(memory_that_is_for_reading_is_not_written),
	TEST(the_mirror_follows_munmap_mremap_and_madvise),
	TEST(the_mirror_follows_fork),
	TEST(huge_pages_are_mirrored),
	TEST(shared_file_mappings_are_written_through),
	TEST(system_calls_are_function_calls),
	TEST(a_signal_for_u_interrupts_what_e_waits_for),
	TEST(stopping_both_bodies_does_not_disturb_them),
	TEST(killing_u_ends_e),
	TEST(killing_e_ends_u),
	TEST(exec_and_exit_of_u_end_e),
	TEST(the_end_of_the_thread_ends_e_while_the_process_lives),
	TEST(closing_the_file_ends_e),
	TEST(a_child_that_closes_its_copy_does_not_end_e),
	TEST(every_thread_has_a_body_of_its_own),
	TEST(a_module_of_another_build_is_refused_with_its_id),
	TEST(arguments_are_checked),
	TEST(only_us_own_child_becomes_e),
	TEST(e_may_be_made_by_a_child_that_ends),
	TEST(one_that_dies_instead_of_becoming_e_is_not_awaited_for_ever),
	TEST(others_may_not_use_the_session),
	TEST(others_than_root_may_not_open_it),
	TEST(who_has_a_file_gets_more_of_them),
	TEST(e_follows_a_change_of_user),
	TEST(no_kernel_address_stays_on_the_stack),
	TEST(a_storm_of_changes_under_e),
	TEST(modules_in_use_are_not_unloaded),
	TEST(memory_shared_with_others_is_not_taken),
	TEST(many_cycles),
	{NULL, NULL},
};
/* clang-format on */

static const struct test *const lists[] = {tests, run_tests, fault_tests, fuzz_tests};

int main(int argc, char **argv)
{
	bool list = argc == 2 && !strcmp(argv[1], "--list");

	if (argc == 3)
		amount_asked = strtoull(argv[2], NULL, 10);
	for (size_t i = 0; argc > 1 && i < sizeof(lists) / sizeof(*lists); i++) {
		for (const struct test *test = lists[i]; test->name; test++) {
			if (list) {
				puts(test->name);
			} else if (!strcmp(argv[1], test->name)) {
				test->run();
				return 0;
			}
		}
	}
	if (list)
		return 0;
	fprintf(stderr, "usage: %s --list | NAME [AMOUNT]\n", argv[0]);
	return 2;
}
