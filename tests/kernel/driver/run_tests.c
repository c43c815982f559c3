// SPDX-License-Identifier: GPL-2.0-only
/* Tests of RUN, with the code of kernel/selftest/elite.S. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "run.h"

#define FULL_BUDGET 100000

static atomic_int signals;

static void count_signal(int number)
{
	(void)number;
	signals++;
}

static void handle(int number, int flags)
{
	struct sigaction action = {.sa_handler = count_signal, .sa_flags = flags};

	CHECK(sigaction(number, &action, NULL) == 0);
}

/* A signal to this process, once or again and again. */
static timer_t alarm_in(long nanoseconds, bool again)
{
	struct itimerspec soon = {.it_value.tv_nsec = nanoseconds};
	timer_t timer;

	if (again)
		soon.it_interval = soon.it_value;
	CHECK(timer_create(CLOCK_MONOTONIC, NULL, &timer) == 0);
	CHECK(timer_settime(timer, 0, &soon, NULL) == 0);
	return timer;
}

static void elite_has_us_registers_and_gives_them_back(void)
{
	struct lp_registers given = some_registers(), expected;
	uint64_t *words = (uint64_t *)&expected;
	struct outcome outcome;
	struct session s;

	begin(&s);
	for (int i = 0; i < 3; i++) {
		outcome = run(&s, LP_ENTRY_INVERT, &given);
		expected = given;
		for (size_t at = 0; at < offsetof(struct lp_registers, flags) / 8; at++)
			words[at] = ~words[at];
		expected.flags |= 1;
		CHECK_EXIT(outcome);
		CHECK(same_registers(&outcome.registers, &expected));
		CHECK(outcome.rsp == (uintptr_t)(frame_of(&s) + 1));
	}
	finish(&s);
}

static void flags_of_the_system_are_not_us_to_change(void)
{
	struct lp_registers given = some_registers();
	struct outcome outcome;
	struct session s;

	begin(&s);
	/* Trap, interrupts off, direction, I/O privilege, nested task, alignment, … */
	given.flags = UINT64_MAX & ~0x200ULL;
	outcome = run(&s, LP_ENTRY_INVERT, &given);
	CHECK_EXIT(outcome);
	CHECK(outcome.registers.flags == (USER_FLAGS | ALWAYS_FLAGS));
	given.flags = 0;
	outcome = run(&s, LP_ENTRY_INVERT, &given);
	CHECK(outcome.registers.flags == (1 | ALWAYS_FLAGS));
	finish(&s);
}

static void leaving_translates_the_frames(void)
{
	struct lp_registers given = some_registers(), expected;
	struct outcome outcome;
	struct session s;
	uint64_t *frame;

	begin(&s);
	outcome = run(&s, LP_ENTRY_NESTED, &given);
	frame = frame_of(&s);
	expected = given;
	expected.rbx = 0x1111;
	expected.rbp = 0x2222;
	expected.r12 = 0x3333;
	expected.flags = outcome.registers.flags; /* of a test instruction */
	CHECK_LEFT(outcome, LP_RUN_DEOPT, NESTED_INNER, expected);
	CHECK(outcome.rsp == (uintptr_t)(frame - 15));
	CHECK(frame[0] == RETURN_ADDRESS);
	CHECK(frame[-1] == given.rbp);
	CHECK(frame[-2] == given.rbx);
	CHECK(frame[-6] == PLACE(NESTED_OUTER));
	CHECK(frame[-7] == (uintptr_t)(frame - 1));
	CHECK(frame[-8] == given.r12);
	CHECK(frame[-10] == PLACE(NESTED_MIDDLE));
	/* The same frames come and go without leaving. */
	given.rdi = 0;
	outcome = run(&s, LP_ENTRY_NESTED, &given);
	CHECK_EXIT(outcome);
	CHECK(outcome.registers.rbx == given.rbx && outcome.registers.rbp == given.rbp);
	finish(&s);
}

static void a_saved_register_below_the_stack_pointer_is_none(void)
{
	struct lp_registers given = some_registers();
	struct outcome outcome;
	struct session s;
	uint64_t *frame;

	begin(&s);
	outcome = run(&s, LP_ENTRY_LATE, &given);
	frame = frame_of(&s);
	given.rbp = (uintptr_t)(frame - 1);
	CHECK_LEFT(outcome, LP_RUN_DEOPT, LATE_INNER, given);
	CHECK(frame[-2] == PLACE(LATE_OUTER) && frame[0] == RETURN_ADDRESS);
	finish(&s);
}

static void a_thousand_frames_are_translated(void)
{
	struct lp_registers given = some_registers();
	struct outcome outcome;
	struct session s;

	begin(&s);
	given.rdi = 1000;
	outcome = run(&s, LP_ENTRY_DEEP, &given);
	CHECK(outcome.error == 0 && outcome.reason == LP_RUN_DEOPT);
	CHECK(outcome.registers.target == (void *)PLACE(DEEP_END));
	for (int i = 1; i <= 1000; i++)
		CHECK(frame_of(&s)[-2 * i] == PLACE(DEEP));
	CHECK(*frame_of(&s) == RETURN_ADDRESS);
	finish(&s);
}

static void pages_that_are_not_there_yet_are_fetched(void)
{
	struct lp_registers given = some_registers(), expected;
	struct lp_counters before;
	struct outcome outcome;
	struct session s;
	char *pages = map_pages(6);

	begin(&s);
	before = counters(&s);
	given.rdi = (uintptr_t)pages;
	given.rsi = 77;
	outcome = run(&s, LP_ENTRY_STORE, &given);
	CHECK_EXIT(outcome);
	CHECK(*(uint64_t *)pages == 77);
	outcome = run(&s, LP_ENTRY_LOAD, &given);
	CHECK_EXIT(outcome);
	CHECK(outcome.registers.rax == 77);
	CHECK(counters(&s).excursions > before.excursions);
	/* One instruction, many pages. */
	memset(pages, 5, 3 * PAGE - 10);
	given.rsi = (uintptr_t)pages;
	given.rdi = (uintptr_t)pages + 3 * PAGE - 10;
	given.rcx = 3 * PAGE - 10;
	outcome = run(&s, LP_ENTRY_COPY, &given);
	CHECK_EXIT(outcome);
	expected = given;
	expected.rsi += given.rcx;
	expected.rdi += given.rcx;
	expected.rcx = 0;
	expected.flags = outcome.registers.flags;
	CHECK(same_registers(&outcome.registers, &expected));
	CHECK(!memcmp(pages, pages + 3 * PAGE - 10, 3 * PAGE - 10));
	finish(&s);
}

static void a_page_that_keeps_going_is_fetched_again(void)
{
	struct lp_registers given = counting(1, NULL);
	struct session s;
	char *page = map_pages(1);

	begin(&s);
	given.rsi = (uintptr_t)page;
	for (uint64_t i = 0; i < 100; i++) {
		struct outcome outcome = run(&s, LP_ENTRY_COUNT, &given);

		CHECK_EXIT(outcome);
		CHECK(*(uint64_t *)page == 1);
		CHECK(madvise(page, PAGE, MADV_DONTNEED) == 0);
	}
	finish(&s);
}

static void an_address_without_a_page_is_us_to_fault_on(void)
{
	char *pages = map_pages(4), *gone = pages + 2 * PAGE, *constant = pages + 3 * PAGE;
	const uint64_t bad[] = {
	    0, 8, (uintptr_t)gone, 0x7ffffffff000, 0x800000000000, 0x123456789abcdef};
	struct lp_registers given = some_registers(), expected;
	struct outcome outcome;
	struct session s;

	begin(&s);
	memset(pages, 6, 4 * PAGE);
	CHECK(munmap(gone, PAGE) == 0);
	CHECK(mprotect(constant, PAGE, PROT_READ) == 0);
	for (size_t i = 0; i < COUNT(bad); i++) {
		given.rdi = bad[i];
		expected = given;
		outcome = run(&s, LP_ENTRY_LOAD, &given);
		expected.flags = outcome.registers.flags;
		CHECK_LEFT(outcome, LP_RUN_FAULT, LOAD, expected);
		CHECK(outcome.rsp == (uintptr_t)frame_of(&s) && *frame_of(&s) == RETURN_ADDRESS);
		outcome = run(&s, LP_ENTRY_STORE, &given);
		expected.flags = outcome.registers.flags;
		CHECK_LEFT(outcome, LP_RUN_FAULT, STORE, expected);
	}
	given.rdi = (uintptr_t)constant;
	outcome = run(&s, LP_ENTRY_LOAD, &given);
	CHECK_EXIT(outcome);
	expected = given;
	outcome = run(&s, LP_ENTRY_STORE, &given);
	expected.flags = outcome.registers.flags;
	CHECK_LEFT(outcome, LP_RUN_FAULT, STORE, expected);
	/* Half of what one instruction does: U does the rest, or faults. */
	given.rdi = (uintptr_t)gone - 100;
	given.rsi = (uintptr_t)pages;
	given.rcx = 200;
	expected = given;
	expected.rdi += 100;
	expected.rsi += 100;
	expected.rcx -= 100;
	outcome = run(&s, LP_ENTRY_COPY, &given);
	expected.flags = outcome.registers.flags;
	CHECK_LEFT(outcome, LP_RUN_FAULT, COPY, expected);
	/* An access over two pages, the second of which is not there. */
	given.rdi = (uintptr_t)gone - 3;
	expected = given;
	outcome = run(&s, LP_ENTRY_LOAD, &given);
	expected.flags = outcome.registers.flags;
	CHECK_LEFT(outcome, LP_RUN_FAULT, LOAD, expected);
	finish(&s);
}

static void pointers_into_the_kernels_half_are_refused(void)
{
	const uint64_t bad[] = {KERNEL_HALF, 0xffffffff81000000, UINT64_MAX};
	struct lp_registers given = some_registers(), expected;
	struct session s;

	begin(&s);
	for (size_t i = 0; i < COUNT(bad); i++) {
		struct outcome outcome;

		given.rdi = bad[i];
		expected = given;
		outcome = run(&s, LP_ENTRY_LOAD, &given);
		expected.flags = outcome.registers.flags;
		CHECK_LEFT(outcome, LP_RUN_DEOPT, LOAD, expected);
	}
	finish(&s);
}

static void a_division_by_zero_is_us_to_fault_on(void)
{
	struct lp_registers given = some_registers();
	struct outcome outcome;
	struct session s;

	begin(&s);
	given.rdi = 0;
	given.flags = USER_FLAGS | ALWAYS_FLAGS;
	outcome = run(&s, LP_ENTRY_DIVIDE, &given);
	CHECK_LEFT(outcome, LP_RUN_FAULT, DIVIDE, given);
	/* Too large a quotient. */
	given.rdi = 1;
	given.rdx = 5;
	outcome = run(&s, LP_ENTRY_DIVIDE, &given);
	CHECK_LEFT(outcome, LP_RUN_FAULT, DIVIDE, given);
	given.rdi = 10;
	given.rdx = 0;
	given.rax = 42;
	outcome = run(&s, LP_ENTRY_DIVIDE, &given);
	CHECK_EXIT(outcome);
	CHECK(outcome.registers.rax == 4 && outcome.registers.rdx == 2);
	finish(&s);
}

static void the_direction_flag_survives(void)
{
	struct lp_registers given = some_registers();
	char *pages = map_pages(4);
	struct outcome outcome;
	struct session s;

	begin(&s);
	memset(pages, 9, 2 * PAGE);
	given.rsi = (uintptr_t)pages + 2 * PAGE - 1;
	given.rdi = (uintptr_t)pages + 4 * PAGE - 1;
	given.rcx = 2 * PAGE;
	outcome = run(&s, LP_ENTRY_DOWNWARDS, &given);
	CHECK(outcome.error == 0 && outcome.reason == LP_RUN_DEOPT);
	CHECK(outcome.registers.flags & 0x400);
	CHECK(outcome.registers.rcx == 0);
	CHECK(!memcmp(pages, pages + 2 * PAGE, 2 * PAGE));
	finish(&s);
}

static void a_loop_has_a_budget(void)
{
	uint64_t times = 3 * FULL_BUDGET;
	struct lp_registers given = counting(times, &word), expected;
	struct lp_run request;
	struct outcome outcome;
	struct session s;

	begin(&s);
	word = 0;
	budget = 10;
	outcome = run(&s, LP_ENTRY_COUNT, &given);
	CHECK_EXIT(outcome);
	CHECK(word == times && outcome.registers.rdi == 0);
	/* Too long: U makes the rest. */
	given.rdi = times = 1ULL << 40;
	word = 0;
	expected = given;
	outcome = run(&s, LP_ENTRY_COUNT, &given);
	expected.rdi = outcome.registers.rdi;
	expected.flags = outcome.registers.flags;
	CHECK_LEFT(outcome, LP_RUN_BUDGET, COUNT_BUDGET, expected);
	CHECK(word == times - expected.rdi && word > FULL_BUDGET);
	/* It can't be filled. */
	word = 0;
	budget = 10;
	request = prepare(&s, LP_ENTRY_COUNT, &given);
	request.budget = 4096;
	outcome = go(&s, &request);
	expected.rdi = outcome.registers.rdi;
	expected.flags = outcome.registers.flags;
	CHECK_LEFT(outcome, LP_RUN_BUDGET, COUNT_BUDGET, expected);
	CHECK(word == 10);
	finish(&s);
}

static void a_signal_ends_a_loop(void)
{
	struct lp_registers given = counting(1ULL << 50, &word);
	struct lp_run request;
	struct outcome outcome;
	struct session s;
	double until = now() + 20;
	timer_t timer;

	begin(&s);
	word = 0;
	handle(SIGALRM, SA_RESTART);
	request = prepare(&s, LP_ENTRY_COUNT, &given);
	outcome = go(&s, &request);
	timer = alarm_in(5000000, true);
	while (outcome.reason != LP_RUN_SIGNAL && now() < until) {
		CHECK(outcome.error == 0);
		CHECK(outcome.registers.target == (void *)PLACE(COUNT_BUDGET));
		given = outcome.registers;
		request = prepare(&s, LP_ENTRY_COUNT, &given);
		outcome = go(&s, &request);
	}
	timer_delete(timer);
	CHECK(outcome.reason == LP_RUN_SIGNAL && signals > 0);
	CHECK(outcome.registers.target == (void *)PLACE(COUNT_BUDGET));
	/* At each stop one increment is left to U, whose loop goes on behind the check. */
	CHECK(word == (1ULL << 50) - outcome.registers.rdi);
	finish(&s);
}

static void a_system_call_in_elite_has_its_result(void)
{
	char text[] = "from the kernel", back[32] = "";
	struct lp_registers given, expected;
	struct outcome outcome;
	struct session s;
	int ends[2];

	begin(&s);
	CHECK(pipe(ends) == 0);
	given = calling(SYS_write, ends[1], (uintptr_t)text, sizeof(text), 0);
	outcome = run(&s, LP_ENTRY_CALL, &given);
	CHECK_EXIT(outcome);
	expected = given;
	expected.rax = ~sizeof(text);
	expected.rcx = outcome.registers.rcx;
	expected.r11 = outcome.registers.r11;
	CHECK(same_registers(&outcome.registers, &expected));
	CHECK(read(ends[0], back, sizeof(back)) == sizeof(text) && !strcmp(text, back));
	given = calling(SYS_read, -1, 0, 0, 0);
	outcome = run(&s, LP_ENTRY_CALL, &given);
	CHECK_EXIT(outcome);
	CHECK(outcome.registers.rax == ~(uint64_t)-EBADF);
	finish(&s);
}

static void other_system_calls_are_us_to_make(void)
{
	static const long others[] = {SYS_brk,	 SYS_getpid, SYS_mmap,	SYS_exit, SYS_rt_sigreturn,
				      SYS_clone, SYS_execve, SYS_futex, 500,	  100000,
				      -1};
	/* What depends on who calls, or on the caller's pages. */
	static const long odd[][4] = {
	    {SYS_fcntl, F_SETLK, 0, 0},	       {SYS_fcntl, F_SETOWN, 0, 0},
	    {SYS_ioctl, LP_IOC_DETACH, 0, 0},  {SYS_sendto, 0, 0, MSG_ZEROCOPY},
	    {SYS_sendmsg, 0, MSG_ZEROCOPY, 0}, {SYS_sendmmsg, 0, 0, MSG_ZEROCOPY}};
	struct session s;

	begin(&s);
	for (size_t i = 0; i < COUNT(others); i++) {
		struct lp_registers given = calling(others[i], 0, 0, 0, 0);
		struct outcome outcome = run(&s, LP_ENTRY_CALL, &given);

		CHECK_LEFT(outcome, LP_RUN_SYSCALL, CALL_BEFORE, given);
		CHECK(outcome.rsp == (uintptr_t)frame_of(&s));
	}
	for (size_t i = 0; i < COUNT(odd); i++) {
		struct lp_registers given = calling(odd[i][0], -1, odd[i][1], odd[i][2], odd[i][3]);
		struct outcome outcome = run(&s, LP_ENTRY_CALL, &given);

		CHECK_LEFT(outcome, LP_RUN_SYSCALL, CALL_BEFORE, given);
	}
	finish(&s);
}

static void limits_of_u_hold_for_e(void)
{
	struct lp_registers given;
	struct outcome outcome;
	struct rlimit limit;
	struct session s;
	int fd = open("/dev/null", O_RDONLY);

	begin(&s);
	given = calling(SYS_fcntl, fd, F_DUPFD, 0, 0);
	outcome = run(&s, LP_ENTRY_CALL, &given);
	CHECK_EXIT(outcome);
	/* As many as there are now. */
	limit.rlim_cur = limit.rlim_max = ~outcome.registers.rax + 1;
	CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
	outcome = run(&s, LP_ENTRY_CALL, &given);
	CHECK_EXIT(outcome);
	CHECK(outcome.registers.rax == ~(uint64_t)-EMFILE);
	CHECK(close(limit.rlim_cur - 1) == 0);
	CHECK_EXIT(run(&s, LP_ENTRY_CALL, &given));
	CHECK(close(limit.rlim_cur - 1) == 0);
	finish(&s);
}

static void files_without_a_cache_are_us_to_read(void)
{
	struct lp_registers given;
	char name[] = "direct-XXXXXX", *page = map_pages(1);
	int fd = mkstemp(name), direct;
	struct outcome outcome;
	struct session s;

	CHECK(fd >= 0 && ftruncate(fd, PAGE) == 0);
	direct = open(name, O_RDWR | O_DIRECT);
	CHECK(direct >= 0 && unlink(name) == 0);
	begin(&s);
	given = calling(SYS_pread64, direct, (uintptr_t)page, PAGE, 0);
	outcome = run(&s, LP_ENTRY_CALL, &given);
	CHECK_LEFT(outcome, LP_RUN_SYSCALL, CALL_BEFORE, given);
	given.rdi = fd;
	outcome = run(&s, LP_ENTRY_CALL, &given);
	CHECK_EXIT(outcome);
	CHECK(outcome.registers.rax == ~(uint64_t)PAGE);
	finish(&s);
}

static void files_are_opened_in_elite(void)
{
	char name[] = "opened-XXXXXX";
	int made = mkstemp(name), folder = open(".", O_PATH | O_DIRECTORY);
	struct lp_registers given;
	struct outcome outcome;
	struct stat told, plain;
	struct session s;

	CHECK(made >= 0 && folder >= 0);
	begin(&s);
	given = calling(SYS_openat, AT_FDCWD, (uintptr_t)name, O_WRONLY | O_TRUNC, 0);
	outcome = run(&s, LP_ENTRY_CALL, &given);
	CHECK_EXIT(outcome);
	CHECK(write(~outcome.registers.rax, "four", 4) == 4 && close(~outcome.registers.rax) == 0);
	given = calling(SYS_newfstatat, folder, (uintptr_t)name, (uintptr_t)&told, 0);
	CHECK_EXIT(run(&s, LP_ENTRY_CALL, &given));
	CHECK(fstat(made, &plain) == 0 && plain.st_size == 4);
	CHECK(told.st_ino == plain.st_ino && told.st_size == 4);
	/* U's mask, U's working folder. */
	CHECK(unlink(name) == 0);
	umask(027);
	given = calling(SYS_openat, AT_FDCWD, (uintptr_t)name, O_RDWR | O_CREAT | O_EXCL, 0666);
	outcome = run(&s, LP_ENTRY_CALL, &given);
	CHECK_EXIT(outcome);
	CHECK(fstat(~outcome.registers.rax, &plain) == 0 && (plain.st_mode & 0777) == 0640);
	outcome = run(&s, LP_ENTRY_CALL, &given);
	CHECK_EXIT(outcome);
	CHECK(outcome.registers.rax == ~(uint64_t)-EEXIST);
	CHECK(unlink(name) == 0 && chdir("/") == 0);
	given = calling(SYS_openat, AT_FDCWD, (uintptr_t) "etc", O_PATH, 0);
	CHECK_EXIT(run(&s, LP_ENTRY_CALL, &given));
	given.rsi = 8;
	outcome = run(&s, LP_ENTRY_CALL, &given);
	CHECK_EXIT(outcome);
	CHECK(outcome.registers.rax == ~(uint64_t)-EFAULT);
	finish(&s);
}

static void files_that_know_who_opens_them_are_us_to_open(void)
{
	static const char *const names[] = {"/proc/self/maps", "/proc", "/dev/null",
					    "/dev/stdin",      "pipe",	"to-proc"};
	struct lp_registers given;
	struct outcome outcome;
	struct stat told;
	struct session s;

	CHECK(mkfifo("pipe", 0600) == 0 && symlink("/proc/self/stat", "to-proc") == 0);
	begin(&s);
	for (size_t i = 0; i < COUNT(names); i++) {
		given = calling(SYS_openat, AT_FDCWD, (uintptr_t)names[i], O_RDONLY, 0);
		outcome = run(&s, LP_ENTRY_CALL, &given);
		CHECK_LEFT(outcome, LP_RUN_SYSCALL, CALL_BEFORE, given);
	}
	given = calling(SYS_newfstatat, AT_FDCWD, (uintptr_t) "to-proc", (uintptr_t)&told, 0);
	outcome = run(&s, LP_ENTRY_CALL, &given);
	CHECK_LEFT(outcome, LP_RUN_SYSCALL, CALL_BEFORE, given);
	given.rsi = (uintptr_t) "pipe";
	CHECK_EXIT(run(&s, LP_ENTRY_CALL, &given));
	CHECK(S_ISFIFO(told.st_mode));
	finish(&s);
	CHECK(unlink("pipe") == 0 && unlink("to-proc") == 0);
}

/* A RUN of a call, with E looking for input for this long before; how long that took. */
static double polled(struct session *s, const struct lp_registers *given, uint32_t microseconds,
		     int64_t expected)
{
	struct lp_run request = prepare(s, LP_ENTRY_CALL, given);
	double began = now();
	struct outcome outcome;

	request.busy_poll = microseconds;
	outcome = go(s, &request);
	CHECK_EXIT(outcome);
	CHECK(outcome.registers.rax == ~(uint64_t)expected);
	return now() - began;
}

static void *write_soon(void *end)
{
	usleep(30000);
	CHECK(write((int)(intptr_t)end, "12345678", 8) == 8);
	return NULL;
}

static void input_can_be_looked_for_before_it_is_waited_for(void)
{
	struct lp_registers reading, waiting;
	struct epoll_event event = {.events = EPOLLIN};
	struct lp_run request;
	struct outcome outcome;
	struct session s;
	pthread_t thread;
	timer_t timer;
	int ends[2], epoll = epoll_create1(0);

	begin(&s);
	CHECK(pipe(ends) == 0 && epoll_ctl(epoll, EPOLL_CTL_ADD, ends[0], &event) == 0);
	reading = calling(SYS_read, ends[0], (uintptr_t)&word, 8, 0);
	waiting = calling(SYS_epoll_wait, epoll, (uintptr_t)&event, 1, -1);
	/* It comes while it is looked for, and after. */
	for (uint32_t most = 1000; most <= 1000000; most *= 1000) {
		CHECK(pthread_create(&thread, NULL, write_soon, (void *)(intptr_t)ends[1]) == 0);
		CHECK(polled(&s, &waiting, most, 1) < 0.9);
		CHECK(pthread_join(thread, NULL) == 0);
		CHECK(polled(&s, &reading, most, 8) < 0.9);
		CHECK(pthread_create(&thread, NULL, write_soon, (void *)(intptr_t)ends[1]) == 0);
		CHECK(polled(&s, &reading, most, 8) < 0.9);
		CHECK(pthread_join(thread, NULL) == 0);
	}
	/* A time limit is one for both together. */
	waiting.r10 = 50;
	CHECK(polled(&s, &waiting, 1000000, 0) < 0.9);
	CHECK(polled(&s, &waiting, 30000, 0) < 0.9);
	/* Who does not wait is not made to. */
	waiting.r10 = 0;
	CHECK(polled(&s, &waiting, 1000000, 0) < 0.9);
	CHECK(fcntl(ends[0], F_SETFL, O_NONBLOCK) == 0);
	CHECK(polled(&s, &reading, 1000000, -EAGAIN) < 0.9);
	CHECK(fcntl(ends[0], F_SETFL, 0) == 0);
	reading.rdi = -1;
	CHECK(polled(&s, &reading, 1000000, -EBADF) < 0.9);
	/* A signal ends that too. */
	reading.rdi = ends[0];
	handle(SIGALRM, SA_RESTART);
	timer = alarm_in(30000000, true);
	do {
		request = prepare(&s, LP_ENTRY_CALL, &reading);
		request.busy_poll = 1000000;
		outcome = go(&s, &request);
	} while (outcome.error == EINTR);
	timer_delete(timer);
	CHECK_LEFT(outcome, LP_RUN_SIGNAL, CALL_BEFORE, reading);
	finish(&s);
}

/* A counter of the application's in what the device says of it. */
static uint64_t told(const char *counter)
{
	char text[16384] = "", pattern[64], *line, *at;
	int fd = open(DEVICE, O_RDONLY);

	CHECK(fd >= 0 && read(fd, text, sizeof(text) - 1) > 0);
	close(fd);
	line = strstr(text, "{\"name\": \"selftest\"");
	CHECK(line);
	snprintf(pattern, sizeof(pattern), "\"%s\": ", counter);
	at = strstr(line, pattern);
	CHECK(at);
	return strtoull(at + strlen(pattern), NULL, 10);
}

static void the_device_tells_what_was_done(void)
{
	static const char *const counters[] = {"runs",		"exits",    "deopts",
					       "faults",	"signals",  "budgets",
					       "unknown_calls", "requests", "system_calls"};
	static const uint64_t more[COUNT(counters)] = {7, 3, 1, 1, 0, 1, 1, 1, 2};
	uint64_t before[COUNT(counters)], sessions = told("sessions");
	struct lp_registers given = some_registers(), call = calling(SYS_getpid, 0, 0, 0, 0);
	struct lp_registers close_none = calling(SYS_close, -1, 0, 0, 0);
	struct lp_registers loop = counting(1ULL << 40, &word);
	struct lp_registers request = switching(map_slot(), 0);
	struct session s;

	for (size_t i = 0; i < COUNT(counters); i++)
		before[i] = told(counters[i]);
	begin(&s);
	CHECK(told("sessions") == sessions + 1);
	given.rdi = 0;
	CHECK(run(&s, LP_ENTRY_INVERT, &given).reason == LP_RUN_EXIT);
	CHECK(run(&s, LP_ENTRY_LOAD, &given).reason == LP_RUN_FAULT);
	CHECK(run(&s, LP_ENTRY_LATE, &given).reason == LP_RUN_DEOPT);
	CHECK(run(&s, LP_ENTRY_COUNT, &loop).reason == LP_RUN_BUDGET);
	CHECK(run(&s, LP_ENTRY_CALL, &call).reason == LP_RUN_SYSCALL);
	CHECK(run(&s, LP_ENTRY_CALL, &close_none).reason == LP_RUN_EXIT);
	CHECK(run(&s, LP_ENTRY_SWITCH, &request).reason == LP_RUN_EXIT);
	/* Of sessions that are over too. */
	for (int over = 0; over < 2; over++) {
		for (size_t i = 0; i < COUNT(counters); i++)
			CHECK(told(counters[i]) == before[i] + more[i]);
		if (!over)
			finish(&s);
	}
	CHECK(told("sessions") == sessions);
}

/* A call of E's; a signal may come before the run has begun, and then there was none. */
static struct outcome call_that_waits(struct session *s, const struct lp_registers *given)
{
	struct outcome outcome;

	do
		outcome = run(s, LP_ENTRY_CALL, given);
	while (outcome.error == EINTR);
	return outcome;
}

/* What a signal does to a call that waits: U makes it again, or sees EINTR. */
static void expect_again(struct session *s, const struct lp_registers *given)
{
	struct outcome outcome = call_that_waits(s, given);

	CHECK_LEFT(outcome, LP_RUN_SIGNAL, CALL_BEFORE, *given);
	CHECK(*frame_of(s) == RETURN_ADDRESS);
}

static void expect_interrupted(struct session *s, const struct lp_registers *given)
{
	struct outcome outcome;

	/* A signal that came before the call finds it not made yet. */
	do {
		outcome = call_that_waits(s, given);
		CHECK(outcome.error == 0 && outcome.reason == LP_RUN_SIGNAL);
	} while (outcome.registers.target == (void *)PLACE(CALL_BEFORE));
	CHECK(outcome.registers.target == (void *)PLACE(CALL_BEHIND));
	CHECK(outcome.registers.rax == (uint64_t)-EINTR);
	CHECK(*frame_of(s) == RETURN_ADDRESS);
}

/* The same by a timer.  It ticks on, since its first signal can come before the run has begun. */
static void alarmed(void (*expect)(struct session *, const struct lp_registers *),
		    struct session *s, const struct lp_registers *given)
{
	timer_t timer = alarm_in(30000000, true);

	expect(s, given);
	timer_delete(timer);
}

static void a_signal_interrupts_calls_as_it_would_us(void)
{
	struct lp_registers reading, waiting, polling;
	struct epoll_event event;
	struct pollfd polled;
	struct session s;
	int ends[2], epoll = epoll_create1(0);

	begin(&s);
	CHECK(pipe(ends) == 0);
	polled = (struct pollfd){.fd = ends[0], .events = POLLIN};
	reading = calling(SYS_read, ends[0], (uintptr_t)&word, 8, 0);
	waiting = calling(SYS_epoll_wait, epoll, (uintptr_t)&event, 1, -1);
	polling = calling(SYS_poll, (uintptr_t)&polled, 1, -1, 0);
	for (int i = 0; i < 3; i++) {
		signals = 0;
		handle(SIGALRM, SA_RESTART);
		alarmed(expect_again, &s, &reading);
		CHECK(signals >= 1);
		alarmed(expect_interrupted, &s, &waiting);
		alarmed(expect_interrupted, &s, &polling);
		handle(SIGALRM, 0);
		alarmed(expect_interrupted, &s, &reading);
		CHECK(signals >= 4);
	}
	/* The next call is none the worse. */
	CHECK(write(ends[1], "12345678", 8) == 8);
	CHECK_EXIT(run(&s, LP_ENTRY_CALL, &reading));
	finish(&s);
}

/* A child that waits until its parent sleeps in RUN, then does something to it. */
static pid_t meddler(void (*meddle)(pid_t))
{
	pid_t parent = getpid(), child;

	CHECK(prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY, 0, 0, 0) == 0 || errno == EINVAL);
	child = fork();
	if (child == 0) {
		usleep(100000);
		meddle(parent);
		_exit(0);
	}
	return child;
}

static char state_of(pid_t pid)
{
	char path[64], text[512] = "", *at;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	fd = open(path, O_RDONLY);
	CHECK(fd >= 0 && read(fd, text, sizeof(text) - 1) > 0);
	close(fd);
	at = strrchr(text, ')');
	CHECK(at);
	return at[2];
}

static void stop_and_continue(pid_t pid)
{
	CHECK(kill(pid, SIGSTOP) == 0);
	while (state_of(pid) != 'T')
		usleep(1000);
	CHECK(kill(pid, SIGCONT) == 0);
}

static void attach_and_look(pid_t pid)
{
	struct user_regs_struct registers;
	int status;

	CHECK(ptrace(PTRACE_ATTACH, pid, NULL, NULL) == 0);
	CHECK(waitpid(pid, &status, 0) == pid && WIFSTOPPED(status));
	CHECK(ptrace(PTRACE_GETREGS, pid, NULL, &registers) == 0);
	CHECK(registers.rip < KERNEL_HALF && registers.rsp < KERNEL_HALF);
	CHECK(ptrace(PTRACE_DETACH, pid, NULL, NULL) == 0);
}

static void stopping_and_debugging_u_shows_in_no_result(void)
{
	static void (*const meddling[])(pid_t) = {stop_and_continue, attach_and_look};
	struct lp_registers reading, polling;
	struct pollfd polled;
	struct session s;
	int ends[2];

	begin(&s);
	CHECK(pipe(ends) == 0);
	polled = (struct pollfd){.fd = ends[0], .events = POLLIN};
	reading = calling(SYS_read, ends[0], (uintptr_t)&word, 8, 0);
	polling = calling(SYS_poll, (uintptr_t)&polled, 1, -1, 0);
	for (size_t i = 0; i < COUNT(meddling); i++) {
		pid_t child = meddler(meddling[i]);

		expect_again(&s, &reading);
		CHECK(ended(child, 0) == 0);
		child = meddler(meddling[i]);
		expect_again(&s, &polling);
		CHECK(ended(child, 0) == 0);
	}
	finish(&s);
}

static void a_call_with_a_signal_mask_of_its_own_is_us_to_make(void)
{
	struct lp_registers given;
	struct epoll_event event;
	struct outcome outcome;
	struct session s;
	uint64_t none = 0;

	begin(&s);
	given = calling(SYS_epoll_pwait, epoll_create1(0), (uintptr_t)&event, 1, 0);
	given.r8 = (uintptr_t)&none;
	given.r9 = 8;
	outcome = run(&s, LP_ENTRY_CALL, &given);
	CHECK_LEFT(outcome, LP_RUN_SYSCALL, CALL_BEFORE, given);
	given.r8 = 0;
	outcome = run(&s, LP_ENTRY_CALL, &given);
	CHECK_EXIT(outcome);
	CHECK(outcome.registers.rax == ~0ULL);
	finish(&s);
}

static void a_broken_pipe_is_us_signal(void)
{
	struct lp_registers given;
	struct outcome outcome;
	struct session s;
	int ends[2], status;
	pid_t child;

	begin(&s);
	CHECK(pipe(ends) == 0 && close(ends[0]) == 0);
	given = calling(SYS_write, ends[1], (uintptr_t)&word, 8, 0);
	/* Ignored, it is an error like others. */
	signal(SIGPIPE, SIG_IGN);
	outcome = run(&s, LP_ENTRY_CALL, &given);
	CHECK_EXIT(outcome);
	CHECK(outcome.registers.rax == ~(uint64_t)-EPIPE);
	/* Handled, the handler has run before U goes on behind the call. */
	handle(SIGPIPE, SA_RESTART);
	outcome = run(&s, LP_ENTRY_CALL, &given);
	CHECK(signals == 1);
	CHECK(outcome.error == 0 && outcome.reason == LP_RUN_SIGNAL);
	CHECK(outcome.registers.target == (void *)PLACE(CALL_BEHIND));
	CHECK(outcome.registers.rax == (uint64_t)-EPIPE);
	finish(&s);
	/* And else it ends U. */
	child = fork();
	if (child == 0) {
		signal(SIGPIPE, SIG_DFL);
		begin(&s);
		run(&s, LP_ENTRY_CALL, &given);
		_exit(0);
	}
	status = ended(child, 0);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGPIPE);
}

static void requests_run_on_their_slot(void)
{
	char *slots[] = {map_slot(), map_slot() - 256};
	struct outcome outcome;
	struct session s;

	begin(&s);
	word = 0;
	for (int i = 0; i < 6; i++) {
		char *slot = slots[i / 2 % 2];
		struct lp_registers given = switching(slot, 0);

		outcome = run(&s, LP_ENTRY_SWITCH, &given);
		CHECK_EXIT(outcome);
		CHECK(word == (uint64_t)i + 1);
		CHECK(outcome.rsp == (uintptr_t)(frame_of(&s) + 1));
		CHECK(is_clean(slot - SLOT_STACK, SLOT_STACK));
		CHECK(is_clean(s.stack, STACK_SIZE));
	}
	for (int i = 0; i < 4; i++) {
		char *slot = slots[i % 2];
		uint64_t *head = (uint64_t *)slot;
		struct lp_registers given = switching(slot, 1);

		outcome = run(&s, LP_ENTRY_SWITCH, &given);
		CHECK(outcome.error == 0 && outcome.reason == LP_RUN_DEOPT);
		CHECK(outcome.registers.target == (void *)PLACE(REQUEST));
		CHECK(outcome.rsp == (uintptr_t)(head - 2));
		CHECK(head[-1] == PLACE(SWITCH_BACK) && head[-2] == given.rbp);
		CHECK(head[0] == (uintptr_t)frame_of(&s) && *frame_of(&s) == RETURN_ADDRESS);
		CHECK(is_clean(slot - SLOT_STACK, SLOT_STACK + 256));
		CHECK(is_clean(s.stack, STACK_SIZE));
	}
	finish(&s);
}

static void what_can_be_no_slot_is_left_to_u(void)
{
	char *half = map_slot();
	const uint64_t bad[] = {0,
				8,
				65536,
				(uintptr_t)half + 8,
				KERNEL_HALF,
				UINT64_MAX - 15,
				0x7ffffffff000,
				0x10000000,
				(uintptr_t)half};
	struct outcome outcome;
	struct session s;

	begin(&s);
	word = 0;
	CHECK(munmap(half - SLOT_STACK, PAGE) == 0);
	for (size_t i = 0; i < COUNT(bad); i++) {
		struct lp_registers given = switching((char *)bad[i], 0), expected = given;

		outcome = run(&s, LP_ENTRY_SWITCH, &given);
		expected.r11 = given.rdi;
		expected.flags = outcome.registers.flags;
		CHECK_LEFT(outcome, LP_RUN_DEOPT, SWITCH_BEFORE, expected);
		CHECK(*frame_of(&s) == RETURN_ADDRESS);
	}
	CHECK(word == 0);
	finish(&s);
}

static void a_slot_of_a_run_before_is_left_alone(void)
{
	char *slot = map_slot();
	struct lp_registers given = switching(slot, 0);
	struct session s;

	begin(&s);
	CHECK_EXIT(run(&s, LP_ENTRY_SWITCH, &given));
	/* It may be another thread's by now. */
	memset(slot - SLOT_STACK, 0x55, SLOT_STACK);
	given.rdi = 0;
	CHECK_EXIT(run(&s, LP_ENTRY_NESTED, &given));
	for (int at = 1; at <= SLOT_STACK; at++)
		CHECK(slot[-at] == 0x55);
	/* Or gone: E notices when it is to be on it. */
	CHECK(munmap(slot - SLOT_STACK, SLOT_STACK) == 0);
	CHECK_EXIT(run(&s, LP_ENTRY_NESTED, &given));
	CHECK_EXIT(run(&s, LP_ENTRY_NESTED, &given));
	given = switching(slot, 0);
	CHECK(run(&s, LP_ENTRY_SWITCH, &given).reason == LP_RUN_DEOPT);
	finish(&s);
}

static void no_kernel_address_is_left_on_the_stacks(void)
{
	static const uint64_t entries[] = {LP_ENTRY_COUNT, LP_ENTRY_LOAD, LP_ENTRY_DEEP,
					   LP_ENTRY_CALL, LP_ENTRY_NESTED};
	struct outcome outcome;
	struct session s;

	begin(&s);
	for (size_t i = 0; i < COUNT(entries); i++) {
		struct lp_registers given = some_registers();

		/* Long enough for interrupts; or small numbers that lead nowhere. */
		if (entries[i] == LP_ENTRY_COUNT)
			given = counting(3000000, &word);
		else
			given.rdi = 100;
		outcome = run(&s, entries[i], &given);
		CHECK(outcome.error == 0);
		/* What a frame has not written may be what was there before; see security.md. */
		CHECK(is_clean(s.stack, outcome.rsp - (uintptr_t)s.stack));
	}
	finish(&s);
}

static void a_damaged_stack_is_an_error(void)
{
	const uint64_t addresses[] = {0, RETURN_ADDRESS, KERNEL_HALF, 0xffffffff81000000,
				      UINT64_MAX};
	struct lp_registers given = some_registers();
	struct session s;

	begin(&s);
	for (size_t i = 0; i < COUNT(addresses); i++) {
		given.rsi = 0;
		given.rdi = addresses[i];
		CHECK(run(&s, LP_ENTRY_SMASH, &given).error == EUCLEAN);
		CHECK(is_clean(s.stack, STACK_SIZE));
	}
	for (uint64_t offset = 0; offset < 64; offset++) {
		given.rsi = 1;
		given.rdi = offset;
		CHECK(run(&s, LP_ENTRY_SMASH, &given).error == EUCLEAN);
	}
	for (size_t i = 0; i < COUNT(addresses); i++) {
		given.rbp = addresses[i];
		CHECK(run(&s, LP_ENTRY_ASTRAY, &given).error == EUCLEAN);
	}
	/* A frame that is right by chance. */
	given.rbp = (uintptr_t)frame_of(&s) - 8;
	CHECK(run(&s, LP_ENTRY_ASTRAY, &given).error == 0);
	given = some_registers();
	CHECK_EXIT(run(&s, LP_ENTRY_INVERT, &given));
	finish(&s);
}

static void what_run_is_asked_is_checked(void)
{
	struct lp_registers given = some_registers();
	struct lp_run request;
	struct session s;

	begin(&s);
#define REFUSED(field, value, error)                                                               \
	do {                                                                                       \
		request = prepare(&s, LP_ENTRY_INVERT, &given);                                    \
		request.field = (value);                                                           \
		CHECK(ioctl_error(s.fd, LP_IOC_RUN, &request) == (error));                         \
	} while (0)
	REFUSED(entry, LP_ENTRIES * 40, EINVAL);
	REFUSED(entry, 8, EINVAL);
	REFUSED(entry, UINT64_MAX, EINVAL);
	REFUSED(entry, UINT64_MAX / 40 * 40, EINVAL);
	REFUSED(registers, 0, EINVAL);
	REFUSED(registers, 1, EINVAL);
	REFUSED(registers, 65536, EINVAL); /* below the stack */
	REFUSED(registers, KERNEL_HALF, EINVAL);
	REFUSED(registers, UINT64_MAX - 7, EINVAL);
	REFUSED(registers, UINT64_MAX - 135, EINVAL);
	REFUSED(registers, 0x7ffffffff000 - 136, EINVAL);
	REFUSED(stack_low, (uintptr_t)s.stack + 8, EINVAL);
	REFUSED(stack_low, 0x7ffffffff000, EINVAL);
	REFUSED(stack_low, UINT64_MAX & ~4095ULL, EINVAL);
	/* Room for what interrupts push. */
	REFUSED(stack_low, ((uintptr_t)frame_of(&s) & -PAGE), EINVAL);
	REFUSED(stack_low, ((uintptr_t)frame_of(&s) & -PAGE) - PAGE, EINVAL);
	REFUSED(budget, 4, EINVAL);
	REFUSED(force, 4, EINVAL);
	REFUSED(fp, 8, EINVAL);
	REFUSED(slot_stack, 0, EINVAL);
	REFUSED(slot_stack, 100, EINVAL);
	REFUSED(slot_stack, 4096, EINVAL);
	REFUSED(slot_stack, 1ULL << 40, EINVAL);
	REFUSED(slot_stack, 8192, EINVAL);
	REFUSED(flags, LP_RUN_REQUEST << 1, EINVAL);
	REFUSED(pad, 1, EINVAL);
	REFUSED(busy_poll, 1000001, EINVAL);
#undef REFUSED
	CHECK(ioctl_error(s.fd, LP_IOC_RUN, NULL) == EFAULT);
	CHECK(ioctl_error(s.fd, LP_IOC_RUN, (void *)KERNEL_HALF) == EFAULT);
	/* Nothing is there, it seems. */
	request = prepare(&s, LP_ENTRY_INVERT, &given);
	request.registers = 0x10000000;
	request.stack_low = 0x0fff0000;
	CHECK(ioctl_error(s.fd, LP_IOC_RUN, &request) == EFAULT);
	request = prepare(&s, LP_ENTRY_INVERT, &given);
	CHECK(mprotect(s.stack, STACK_SIZE, PROT_READ) == 0);
	CHECK(ioctl_error(s.fd, LP_IOC_RUN, &request) == EFAULT);
	CHECK(mprotect(s.stack, STACK_SIZE, PROT_READ | PROT_WRITE) == 0);
	CHECK(*frame_of(&s) == RETURN_ADDRESS);
	CHECK_EXIT(run(&s, LP_ENTRY_INVERT, &given));
	finish(&s);
}

static void a_stack_that_is_not_all_there_is_refused_unharmed(void)
{
	struct lp_registers given = some_registers();
	struct lp_run request;
	struct session s;

	begin(&s);
	request = prepare(&s, LP_ENTRY_INVERT, &given);
	CHECK(munmap(s.stack + 8 * PAGE, PAGE) == 0);
	CHECK(ioctl_error(s.fd, LP_IOC_RUN, &request) == EFAULT);
	CHECK(*frame_of(&s) == RETURN_ADDRESS);
	CHECK(same_registers((struct lp_registers *)request.registers, &given));
	finish(&s);
}

static void killing_either_body_in_a_run_ends_both(void)
{
	static const uint64_t entries[] = {LP_ENTRY_COUNT, LP_ENTRY_CALL};

	CHECK(prctl(PR_SET_CHILD_SUBREAPER, 1) == 0);
	for (int i = 0; i < 8; i++) {
		pid_t body, user = running_process(&body, entries[i % 2]);
		int status;

		usleep(20000 * (i / 4));
		CHECK(kill(i / 2 % 2 ? user : body, SIGKILL) == 0);
		status = ended(user, 0);
		CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
		until_gone(body);
	}
}

struct closing {
	int fd;
	int status;
};

static void *close_soon(void *argument)
{
	struct closing *closing = argument;

	usleep(50000);
	closing->status = close(closing->fd);
	return NULL;
}

static void closing_the_file_ends_a_run_in_good_order(void)
{
	CHECK(prctl(PR_SET_CHILD_SUBREAPER, 1) == 0);
	for (int i = 0; i < 4; i++) {
		struct closing closing;
		struct lp_registers given;
		struct outcome outcome;
		struct lp_run request;
		struct session s;
		pthread_t thread;
		int forever[2];

		begin(&s);
		CHECK(pipe(forever) == 0);
		given = calling(SYS_read, forever[0], (uintptr_t)&word, 1, 0);
		closing.fd = s.fd;
		CHECK(pthread_create(&thread, NULL, close_soon, &closing) == 0);
		if (i % 2) {
			/* In a loop, where U goes on with what E has done. */
			uint64_t done = 0;

			word = 0;
			given = counting(1ULL << 50, &word);
			while (!(outcome = run(&s, LP_ENTRY_COUNT, &given)).error) {
				CHECK(word == (1ULL << 50) - outcome.registers.rdi);
				given = outcome.registers;
				done = word;
			}
			CHECK(outcome.error == EBADF && word == done);
		} else {
			expect_again(&s, &given);
			request = prepare(&s, LP_ENTRY_CALL, &given);
			CHECK(ioctl_error(s.fd, LP_IOC_RUN, &request) == EBADF);
		}
		CHECK(pthread_join(thread, NULL) == 0 && closing.status == 0);
		until_gone(s.body);
	}
}

static void *unmap_soon(void *argument)
{
	struct session *s = argument;

	usleep(50000);
	munmap(s->stack, STACK_SIZE);
	return NULL;
}

/* As a thread that lost its stack would. */
static void losing_the_stack_is_a_fault_of_us(void)
{
	for (int i = 0; i < 2; i++) {
		pid_t child = fork();
		int status;

		if (child == 0) {
			struct lp_registers given;
			struct session s;
			pthread_t thread;
			int forever[2];

			begin(&s);
			CHECK(pipe(forever) == 0);
			CHECK(pthread_create(&thread, NULL, unmap_soon, &s) == 0);
			if (i) {
				given = calling(SYS_read, forever[0], (uintptr_t)&word, 1, 0);
				alarm(1);
				handle(SIGALRM, SA_RESTART);
				run(&s, LP_ENTRY_CALL, &given);
			} else {
				given = counting(1ULL << 60, &word);
				for (;;)
					run(&s, LP_ENTRY_COUNT, &given);
			}
			_exit(0);
		}
		status = ended(child, 0);
		CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
	}
}

static void deopts_can_be_forced(void)
{
	struct {
		uint64_t mode, nth, probability, random, visits;
	} force = {0};
	char *sites = mmap((void *)(LP_SELFTEST_SITE(0) & -PAGE), 2 * PAGE, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	struct lp_registers given = some_registers();
	struct lp_run request;
	struct outcome outcome;
	struct session s;
	int left = 0;

	CHECK(sites != MAP_FAILED);
	begin(&s);
	given.rax = 0;
	given.rdi = 10;
#define FORCED(expected_reason, expected_count)                                                    \
	do {                                                                                       \
		request = prepare(&s, LP_ENTRY_FORCE, &given);                                     \
		request.force = (uintptr_t)&force;                                                 \
		outcome = go(&s, &request);                                                        \
		CHECK(outcome.error == 0 && outcome.reason == (expected_reason));                  \
		CHECK(outcome.registers.rax == (expected_count));                                  \
	} while (0)
	FORCED(LP_RUN_EXIT, 10);
	force.mode = 1; /* at all */
	FORCED(LP_RUN_DEOPT, 0);
	force.mode = 2; /* at those that the program marked */
	FORCED(LP_RUN_EXIT, 10);
	sites[LP_SELFTEST_SITE(LP_PLACE_FORCE) - LP_SELFTEST_SITE(0) +
	      offsetof(struct lp_site, forced)] = 1;
	FORCED(LP_RUN_DEOPT, 0);
	force.mode = 3; /* at the nth */
	force.nth = 4;
	FORCED(LP_RUN_DEOPT, 3);
	force.mode = 4; /* at random */
	force.probability = UINT64_MAX / 20;
	for (int i = 0; i < 50; i++) {
		request = prepare(&s, LP_ENTRY_FORCE, &given);
		request.force = (uintptr_t)&force;
		left += go(&s, &request).reason == LP_RUN_DEOPT;
	}
	CHECK(left > 5 && left < 45);
	/* Nobody knows: leave. */
	request = prepare(&s, LP_ENTRY_FORCE, &given);
	outcome = go(&s, &request);
	given.flags = outcome.registers.flags;
	CHECK_LEFT(outcome, LP_RUN_DEOPT, FORCE, given);
	finish(&s);
}

/* FXSAVE's area. */
struct fx {
	uint16_t control, status, tag, opcode;
	uint64_t instruction, operand;
	uint32_t mxcsr, mask;
	uint64_t x87[16];
	uint64_t xmm[16][2];
	uint64_t reserved[12];
} __attribute__((aligned(64)));

static struct fx fx;

static void some_fp(void)
{
	__asm__ volatile("fxsave64 %0" : "=m"(fx));
	for (int i = 0; i < 16; i++)
		fx.xmm[i][0] = fx.xmm[i][1] = 0x0101010101010101 * (i + 1);
	memcpy(fx.xmm[0], (double[]){1.5, 0}, 16);
	memcpy(fx.xmm[1], (double[]){0.25, 0}, 16);
}

static double xmm0(void)
{
	double value;

	memcpy(&value, fx.xmm[0], 8);
	return value;
}

static struct outcome run_fp(struct session *s, uint64_t entry, const struct lp_registers *given)
{
	struct lp_run request = prepare(s, entry, given);

	request.fp = (uintptr_t)&fx;
	return go(s, &request);
}

static void floating_point_registers_come_and_go(void)
{
	struct lp_registers given = some_registers();
	struct fx before;
	struct session s;

	begin_as(&s, LP_SELFTEST_FP_NAME);
	some_fp();
	fx.mxcsr = 0x5fc0; /* another rounding, denormals are zero; as far as the processor can */
	fx.control = 0x27f;
	before = fx;
	given.rdi = 4;
	CHECK_EXIT(run_fp(&s, LP_ENTRY_FP_ADD, &given));
	CHECK(xmm0() == 2.5);
	CHECK(fx.xmm[15][0] == ~before.xmm[15][0]);
	CHECK(fx.mxcsr == before.mxcsr && fx.control == before.control);
	for (int i = 3; i < 15; i++)
		CHECK(!memcmp(fx.xmm[i], before.xmm[i], 16));
	/* Bits that no processor has are no fault. */
	fx.mxcsr = UINT32_MAX;
	fx.reserved[0] = UINT64_MAX;
	CHECK_EXIT(run_fp(&s, LP_ENTRY_FP_ADD, &given));
	finish(&s);
}

/* Use the vector registers of whatever processor there is, with a pattern. */
static void *use_registers(void *over)
{
	while (!*(atomic_bool *)over) {
		__asm__ volatile("pcmpeqd %%xmm0, %%xmm0\n\t"
				 "movaps %%xmm0, %%xmm3\n\tmovaps %%xmm0, %%xmm5\n\t"
				 "movaps %%xmm0, %%xmm9\n\tmovaps %%xmm0, %%xmm15"
				 :
				 :
				 : "xmm0", "xmm3", "xmm5", "xmm9", "xmm15");
		sched_yield();
	}
	return NULL;
}

static void floating_point_survives_what_e_does_meanwhile(void)
{
	atomic_bool over = false;
	struct lp_registers given = some_registers();
	char *pages = map_pages(64);
	double third, up = 0x1.5555555555556p-2;
	struct fx before;
	struct session s;
	pthread_t threads[3];
	int ends[2];

	begin_as(&s, LP_SELFTEST_FP_NAME);
	CHECK(pipe(ends) == 0);
	for (int i = 0; i < 3; i++)
		CHECK(pthread_create(&threads[i], NULL, use_registers, &over) == 0);
	for (int i = 0; i < 64; i++) {
		some_fp();
		before = fx;
		given.rdi = (uintptr_t)pages + i * PAGE;
		CHECK_EXIT(run_fp(&s, LP_ENTRY_FP_LOAD, &given));
		CHECK(xmm0() == 2.0 && fx.xmm[3][0] == 0);
		CHECK(!memcmp(fx.xmm[5], before.xmm[5], 16));
		CHECK(!memcmp(fx.xmm[15], before.xmm[15], 16));
		given.rdi = 8;
		CHECK(run_fp(&s, LP_ENTRY_FP_LOAD, &given).reason == LP_RUN_FAULT);
		CHECK(xmm0() == 2.25 && !memcmp(fx.xmm[9], before.xmm[9], 16));
		/* A call that waits, while others use the processor's registers. */
		some_fp();
		given = calling(SYS_poll, 0, 0, 1, 0);
		given.r12 = 0x5f80; /* upwards */
		CHECK_EXIT(run_fp(&s, LP_ENTRY_FP_CALL, &given));
		third = xmm0();
		CHECK(third == up && fx.mxcsr >> 13 == 2);
		CHECK(fx.control == before.control);
		/* What it had been is as good as anything; another's is not. */
		for (int at = 0; at < 16; at++)
			CHECK(fx.xmm[at][0] != UINT64_MAX);
		/* Where it stops at the call too. */
		some_fp();
		given.rax = SYS_getpid;
		CHECK(run_fp(&s, LP_ENTRY_FP_CALL, &given).reason == LP_RUN_SYSCALL);
		CHECK(fx.mxcsr >> 13 == 2);
	}
	over = true;
	for (int i = 0; i < 3; i++)
		CHECK(pthread_join(threads[i], NULL) == 0);
	finish(&s);
}

static void garbage_for_floating_point_is_checked(void)
{
	struct lp_registers given = some_registers();
	struct lp_run request;
	struct session s;

	begin_as(&s, LP_SELFTEST_FP_NAME);
	given.rdi = 1;
	request = prepare(&s, LP_ENTRY_FP_ADD, &given);
	CHECK(ioctl_error(s.fd, LP_IOC_RUN, &request) == EFAULT);
	request.fp = (uintptr_t)&fx + 8;
	CHECK(ioctl_error(s.fd, LP_IOC_RUN, &request) == EINVAL);
	request.fp = KERNEL_HALF;
	CHECK(ioctl_error(s.fd, LP_IOC_RUN, &request) == EFAULT);
	/* Traps of the arithmetic, for which the kernel has no use: one bit at a time. */
	for (uint32_t exception = 0x80; exception <= 0x1000; exception *= 2) {
		some_fp();
		fx.mxcsr &= ~exception;
		CHECK(run_fp(&s, LP_ENTRY_FP_ADD, &given).error == EOPNOTSUPP);
	}
	CHECK(*frame_of(&s) == RETURN_ADDRESS);
	finish(&s);
}

static void *feed(void *argument)
{
	int *ends = argument;
	uint64_t sent;

	for (sent = 0; sent < 2000; sent++)
		CHECK(write(ends[0], &sent, 8) == 8);
	CHECK(shutdown(ends[0], SHUT_WR) == 0);
	return NULL;
}

static void a_server_loop_serves_in_one_run(void)
{
	struct lp_registers given = some_registers();
	struct outcome outcome;
	struct session s;
	uint64_t got, buffer;
	pthread_t thread;
	int in[2], out[2];

	begin(&s);
	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, in) == 0);
	CHECK(pipe(out) == 0 && fcntl(out[1], F_SETPIPE_SZ, 65536) >= 16000);
	given.r12 = in[1];
	given.rbx = out[1];
	given.r13 = (uintptr_t)&buffer;
	given.r14 = 8;
	CHECK(pthread_create(&thread, NULL, feed, in) == 0);
	outcome = run(&s, LP_ENTRY_ECHO, &given);
	CHECK_EXIT(outcome);
	CHECK(outcome.registers.rax == 0);
	for (uint64_t i = 0; i < 2000; i++)
		CHECK(read(out[0], &got, 8) == 8 && got == i);
	CHECK(pthread_join(thread, NULL) == 0);
	CHECK(is_clean(s.stack, STACK_SIZE));
	finish(&s);
}

/* clang-format off */
const struct test run_tests[] = {
	TEST(elite_has_us_registers_and_gives_them_back),
	TEST(flags_of_the_system_are_not_us_to_change),
	TEST(leaving_translates_the_frames),
	TEST(a_saved_register_below_the_stack_pointer_is_none),
	TEST(a_thousand_frames_are_translated),
	TEST(pages_that_are_not_there_yet_are_fetched),
	TEST(a_page_that_keeps_going_is_fetched_again),
	TEST(an_address_without_a_page_is_us_to_fault_on),
	TEST(pointers_into_the_kernels_half_are_refused),
	TEST(a_division_by_zero_is_us_to_fault_on),
	TEST(the_direction_flag_survives),
	TEST(a_loop_has_a_budget),
	TEST(a_signal_ends_a_loop),
	TEST(a_system_call_in_elite_has_its_result),
	TEST(other_system_calls_are_us_to_make),
	TEST(limits_of_u_hold_for_e),
	TEST(files_without_a_cache_are_us_to_read),
	TEST(files_are_opened_in_elite),
	TEST(files_that_know_who_opens_them_are_us_to_open),
	TEST(input_can_be_looked_for_before_it_is_waited_for),
	TEST(the_device_tells_what_was_done),
	TEST(a_signal_interrupts_calls_as_it_would_us),
	TEST(stopping_and_debugging_u_shows_in_no_result),
	TEST(a_call_with_a_signal_mask_of_its_own_is_us_to_make),
	TEST(a_broken_pipe_is_us_signal),
	TEST(requests_run_on_their_slot),
	TEST(what_can_be_no_slot_is_left_to_u),
	TEST(a_slot_of_a_run_before_is_left_alone),
	TEST(no_kernel_address_is_left_on_the_stacks),
	TEST(a_damaged_stack_is_an_error),
	TEST(what_run_is_asked_is_checked),
	TEST(a_stack_that_is_not_all_there_is_refused_unharmed),
	TEST(killing_either_body_in_a_run_ends_both),
	TEST(closing_the_file_ends_a_run_in_good_order),
	TEST(losing_the_stack_is_a_fault_of_us),
	TEST(deopts_can_be_forced),
	TEST(floating_point_registers_come_and_go),
	TEST(floating_point_survives_what_e_does_meanwhile),
	TEST(garbage_for_floating_point_is_checked),
	TEST(a_server_loop_serves_in_one_run),
	{NULL, NULL},
};
/* clang-format on */
