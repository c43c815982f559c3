// SPDX-License-Identifier: GPL-2.0-only
/* What others do to a process while it is in Elite, and what anybody can see of it. */
#define _GNU_SOURCE
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/klog.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/swap.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include "run.h"

/* A loop of runs until COUNT has counted all of it, as a program's own loop would: U goes on where
 * Elite stopped, with what it left. Ends early when `over` says so. */
static uint64_t count_in_runs(struct session *s, uint64_t times, uint64_t *at, atomic_bool *over)
{
	struct lp_registers given = counting(times, at);

	for (;;) {
		struct outcome outcome = run(s, LP_ENTRY_COUNT, &given);

		CHECK(outcome.error == 0);
		if (outcome.reason == LP_RUN_EXIT)
			return times;
		CHECK(outcome.registers.target != (void *)RETURN_ADDRESS);
		if (over && *over)
			return times - outcome.registers.rdi;
		given = outcome.registers;
	}
}

/* -- debuggers --------------------------------------------------------------------------------- */

/* Where the debugger sets its breakpoint. */
static __attribute__((noinline)) void breakpoint_here(void)
{
	__asm__ volatile("nop");
}

#define ROUNDS 24

/* The program that is debugged. */
static void debugged(void)
{
	struct lp_registers reading, writing;
	struct session s;
	int ends[2];

	CHECK(ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0);
	raise(SIGSTOP);
	begin(&s);
	CHECK(pipe(ends) == 0);
	for (int i = 0; i < ROUNDS; i++) {
		breakpoint_here();
		word = 0;
		count_in_runs(&s, 1000, &word, NULL);
		CHECK(word == 1000);
		reading = calling(SYS_read, ends[0], (uintptr_t)&word, 8, 0);
		writing = calling(SYS_write, ends[1], (uintptr_t)&word, 8, 0);
		CHECK_EXIT(run(&s, LP_ENTRY_CALL, &writing));
		word = 0;
		CHECK_EXIT(run(&s, LP_ENTRY_CALL, &reading));
		CHECK(word == 1000);
	}
	finish(&s);
	_exit(0);
}

static int step(pid_t pid)
{
	CHECK(ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL) == 0);
	return ended(pid, 0);
}

static bool is_trap(int status)
{
	return WIFSTOPPED(status) && WSTOPSIG(status) == SIGTRAP;
}

/* At each breakpoint: step over it; every third time, step through what is between it and the next,
 * runs and all. */
static void a_debugger_of_u_disturbs_no_run(void)
{
	long address = (long)breakpoint_here, text, trap;
	struct user_regs_struct registers;
	unsigned int hits = 0, steps = 0;
	pid_t pid = fork();
	int status;

	if (pid == 0)
		debugged();
	status = ended(pid, 0);
	CHECK(WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP);
	/* As debuggers do that follow threads and children. E is not to be one of them. */
	CHECK(ptrace(PTRACE_SETOPTIONS, pid, NULL,
		     PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK) == 0);
	text = ptrace(PTRACE_PEEKTEXT, pid, address, NULL);
	trap = (text & ~0xffL) | 0xcc;
	CHECK(ptrace(PTRACE_POKETEXT, pid, address, trap) == 0);
	CHECK(ptrace(PTRACE_CONT, pid, NULL, NULL) == 0);
	while (is_trap(status = ended(pid, 0))) {
		CHECK(ptrace(PTRACE_GETREGS, pid, NULL, &registers) == 0);
		CHECK((long)registers.rip == address + 1);
		registers.rip = address;
		CHECK(ptrace(PTRACE_SETREGS, pid, NULL, &registers) == 0);
		CHECK(ptrace(PTRACE_POKETEXT, pid, address, text) == 0);
		CHECK(is_trap(step(pid)));
		for (int i = 0; hits % 3 == 0 && hits < ROUNDS / 3 && i < 1500; i++, steps++)
			CHECK(is_trap(step(pid)));
		CHECK(ptrace(PTRACE_POKETEXT, pid, address, trap) == 0);
		CHECK(ptrace(PTRACE_CONT, pid, NULL, NULL) == 0);
		hits++;
	}
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	CHECK(hits >= ROUNDS / 2 && steps > 1000);
}

static void a_tracer_of_e_waits_in_vain_and_does_no_harm(void)
{
	struct lp_registers some = some_registers(), reading;
	int told[2], ends[2];
	struct session s;
	pid_t child;
	char byte;

	begin(&s);
	CHECK(pipe(told) == 0 && pipe(ends) == 0);
	reading = calling(SYS_read, ends[0], (uintptr_t)&word, 8, 0);
	child = fork();
	if (child == 0) {
		CHECK(ptrace(PTRACE_SEIZE, s.body, NULL, NULL) == 0);
		CHECK(ptrace(PTRACE_INTERRUPT, s.body, NULL, NULL) == 0);
		CHECK(write(told[1], "x", 1) == 1);
		pause();
	}
	CHECK(read(told[0], &byte, 1) == 1);
	for (int i = 0; i < 10; i++) {
		CHECK_EXIT(run(&s, LP_ENTRY_INVERT, &some));
		/* It can't wait any more. */
		CHECK_LEFT(run(&s, LP_ENTRY_CALL, &reading), LP_RUN_SIGNAL, CALL_BEFORE, reading);
	}
	CHECK(kill(child, SIGKILL) == 0);
	ended(child, 0);
	CHECK(write(ends[1], &word, 8) == 8);
	CHECK_EXIT(run(&s, LP_ENTRY_CALL, &reading));
	finish(&s);
}

/* A child that stops and continues its parent; the parent's memory says when it is done. */
static void stop_and_continue_often(pid_t user, atomic_bool *over)
{
	for (int i = 0; i < 60; i++) {
		CHECK(kill(user, SIGSTOP) == 0);
		usleep(i % 3 * 1000);
		CHECK(kill(user, SIGCONT) == 0);
		usleep(i % 7 * 1000);
	}
	*over = true;
	_exit(0);
}

static void stopping_u_in_a_loop_loses_nothing(void)
{
	atomic_bool *over =
	    mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t user = getpid(), child;
	struct session s;
	uint64_t done;

	CHECK(over != MAP_FAILED);
	begin(&s);
	child = fork();
	if (child == 0)
		stop_and_continue_often(user, over);
	word = 0;
	done = count_in_runs(&s, 1ULL << 50, &word, over);
	CHECK(done > 0 && word == done);
	CHECK(ended(child, 0) == 0);
	finish(&s);
}

/* -- the process itself ------------------------------------------------------------------------ */

static void *count_for_ever(void *told)
{
	struct session s;

	begin(&s);
	CHECK(write((int)(intptr_t)told, &s.body, sizeof(s.body)) == sizeof(s.body));
	count_in_runs(&s, 1ULL << 60, &word, NULL);
	return NULL;
}

/* exec and exit of another thread, while one is in Elite. */
static void the_end_of_the_process_ends_a_run_of_its_threads(void)
{
	CHECK(prctl(PR_SET_CHILD_SUBREAPER, 1) == 0);
	for (int i = 0; i < 6; i++) {
		int ends[2], status;
		pid_t child, body;

		CHECK(pipe(ends) == 0);
		child = fork();
		if (child == 0) {
			pthread_t thread;

			CHECK(pthread_create(&thread, NULL, count_for_ever,
					     (void *)(intptr_t)ends[1]) == 0);
			CHECK(read(ends[0], &body, sizeof(body)) == sizeof(body));
			CHECK(write(ends[1], &body, sizeof(body)) == sizeof(body));
			usleep(i * 3000);
			if (i % 2)
				execl("/bin/true", "true", NULL);
			_exit(0);
		}
		/* The child hands on what its thread told it. */
		status = ended(child, 0);
		CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
		CHECK(read(ends[0], &body, sizeof(body)) == sizeof(body));
		until_gone(body);
		close(ends[0]);
		close(ends[1]);
	}
}

/* The stack's pages that U has not touched; E fetches them before it begins. */
#define MISSING_PAGES 4

/* Shared with a process that has our descriptors. */
struct killed {
	struct session session;
	int faults; /* a userfaultfd of the missing pages */
	uint64_t stored;
};

static char *missing_pages(const struct killed *killed)
{
	return killed->session.stack + STACK_SIZE - 2 * MISSING_PAGES * PAGE;
}

static _Noreturn void run_with_missing_pages(struct killed *killed)
{
	struct uffdio_register missing = {.mode = UFFDIO_REGISTER_MODE_MISSING};
	struct uffdio_api api = {.api = UFFD_API};
	struct lp_registers given;
	int faults;

	raise(SIGSTOP);
	begin(&killed->session);
	missing.range =
	    (struct uffdio_range){(uintptr_t)missing_pages(killed), MISSING_PAGES * PAGE};
	faults = syscall(SYS_userfaultfd, O_CLOEXEC);
	CHECK(faults >= 0 && ioctl(faults, UFFDIO_API, &api) == 0);
	CHECK(ioctl(faults, UFFDIO_REGISTER, &missing) == 0);
	/* Whoever reads it before that gets EINVAL. */
	__atomic_store_n(&killed->faults, faults, __ATOMIC_RELEASE);
	/* It looks neither for a budget nor for signals. */
	given = some_registers();
	given.rdi = (uintptr_t)&killed->stored;
	run(&killed->session, LP_ENTRY_STORE, &given);
	_exit(1);
}

/* Whether a process sleeps in a function of the kernel whose name begins so. */
static bool sleeps_in(pid_t pid, const char *function)
{
	char path[64], name[128] = "";
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/wchan", (int)pid);
	file = fopen(path, "r");
	if (!file)
		return false;
	if (!fgets(name, sizeof(name), file))
		name[0] = 0;
	fclose(file);
	return !strncmp(name, function, strlen(function));
}

/*
 * The moment between E's taking a run and its beginning: E waits for a page of the stack, U is
 * killed, and held by its tracer at the very end of its life. Then E gets the page.
 */
static void what_u_took_back_when_it_was_killed_e_does_not_run(void)
{
	struct killed *killed =
	    mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	double deadline = now() + 20;
	struct uffdio_zeropage page = {0};
	struct uffd_msg message;
	pid_t user;
	int status;

	CHECK(killed != MAP_FAILED && prctl(PR_SET_CHILD_SUBREAPER, 1) == 0);
	user = syscall(SYS_clone, CLONE_FILES | SIGCHLD, 0, 0, 0, 0);
	if (user == 0)
		run_with_missing_pages(killed);
	CHECK(WIFSTOPPED(ended(user, WUNTRACED)));
	CHECK(ptrace(PTRACE_SEIZE, user, NULL, PTRACE_O_TRACEEXIT) == 0);
	CHECK(kill(user, SIGCONT) == 0);
	while (!__atomic_load_n(&killed->faults, __ATOMIC_ACQUIRE)) {
		/* What SIGCONT and the child that made E bring about. */
		if (waitpid(user, &status, __WALL | WNOHANG) == user)
			CHECK(WIFSTOPPED(status) && ptrace(PTRACE_CONT, user, NULL, NULL) == 0);
		CHECK(now() < deadline);
		sched_yield();
	}
	CHECK(read(killed->faults, &message, sizeof(message)) == sizeof(message));
	while (!sleeps_in(killed->session.body, "handle_userfault"))
		CHECK(now() < deadline);

	CHECK(kill(user, SIGKILL) == 0);
	do {
		status = ended(user, __WALL);
		CHECK(WIFSTOPPED(status));
		if (status >> 16 != PTRACE_EVENT_EXIT)
			CHECK(ptrace(PTRACE_CONT, user, NULL, NULL) == 0);
	} while (status >> 16 != PTRACE_EVENT_EXIT);
	CHECK(ptrace(PTRACE_PEEKDATA, user, frame_of(&killed->session), NULL) == RETURN_ADDRESS);

	page.range = (struct uffdio_range){(uintptr_t)missing_pages(killed), MISSING_PAGES * PAGE};
	CHECK(ioctl(killed->faults, UFFDIO_ZEROPAGE, &page) == 0);
	/* Until it waits for its next run. */
	while (!sleeps_in(killed->session.body, "lp_session")) {
		CHECK(killed->stored == 0);
		CHECK(now() < deadline);
	}
	CHECK(killed->stored == 0);

	CHECK(ptrace(PTRACE_CONT, user, NULL, NULL) == 0);
	status = ended(user, __WALL);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	until_gone(killed->session.body);
}

static int unload(const char *module)
{
	return syscall(SYS_delete_module, module, O_NONBLOCK) ? errno : 0;
}

static void modules_are_not_unloaded_under_a_run(void)
{
	static const uint64_t entries[] = {LP_ENTRY_COUNT, LP_ENTRY_CALL};

	CHECK(prctl(PR_SET_CHILD_SUBREAPER, 1) == 0);
	for (size_t i = 0; i < COUNT(entries); i++) {
		pid_t body, user = running_process(&body, entries[i]);

		for (int tries = 0; tries < 20; tries++) {
			CHECK(unload("lp_selftest") == EAGAIN);
			CHECK(unload("lakeplacid") == EAGAIN);
			usleep(1000);
		}
		CHECK(kill(user, SIGKILL) == 0);
		ended(user, 0);
		until_gone(body);
	}
}

/* -- who else has a say in U's system calls ------------------------------------------------------
 */

static struct lp_registers writing_nowhere(void)
{
	return calling(SYS_write, open("/dev/null", O_WRONLY), (uintptr_t)&word, 8, 0);
}

/* No writing. */
static void install_filter(void)
{
	struct sock_filter filter[] = {
	    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_write, 0, 1),
	    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
	    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {.len = COUNT(filter), .filter = filter};

	CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
	CHECK(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0);
}

static void a_sandbox_holds_in_elite(void)
{
	struct lp_registers given = writing_nowhere();
	struct session s;

	begin(&s);
	CHECK_EXIT(run(&s, LP_ENTRY_CALL, &given));
	install_filter();
	CHECK_LEFT(run(&s, LP_ENTRY_CALL, &given), LP_RUN_SYSCALL, CALL_BEFORE, given);
	finish(&s);
}

static void a_tracer_sees_all_system_calls(void)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		struct lp_registers given = writing_nowhere();
		struct session s;

		begin(&s);
		CHECK(ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0);
		CHECK_EXIT(run(&s, LP_ENTRY_CALL, &given));
		raise(SIGSTOP);
		CHECK_LEFT(run(&s, LP_ENTRY_CALL, &given), LP_RUN_SYSCALL, CALL_BEFORE, given);
		finish(&s);
		_exit(0);
	}
	status = ended(pid, 0);
	CHECK(WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP);
	do {
		CHECK(ptrace(PTRACE_SYSCALL, pid, NULL, NULL) == 0);
		status = ended(pid, 0);
	} while (is_trap(status));
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void a_thread_with_files_of_its_own_needs_another_e(void)
{
	struct lp_registers given = some_registers();
	struct session s;

	begin(&s);
	CHECK_EXIT(run(&s, LP_ENTRY_INVERT, &given));
	CHECK(unshare(CLONE_FILES) == 0);
	CHECK(run(&s, LP_ENTRY_INVERT, &given).error == EPIPE);
	finish(&s);
	begin(&s);
	CHECK_EXIT(run(&s, LP_ENTRY_INVERT, &given));
	/* A working folder, too. */
	CHECK(unshare(CLONE_FS) == 0);
	CHECK(run(&s, LP_ENTRY_INVERT, &given).error == EPIPE);
	finish(&s);
}

/* -- memory ------------------------------------------------------------------------------------ */

#define STORM_PAGES 32
#define HALF (STORM_PAGES / 2 * PAGE)

/* Pages that E works on in runs, while other threads change them. The first half never loses what
 * is there, the second comes and goes. */
struct storm {
	struct session session;
	char *pages;
	char *spare; /* address space of as many pages as a half has */
	char *slot;
	atomic_bool over;
	atomic_uint rounds;
};

static void fork_once(void)
{
	pid_t child = fork();
	int status;

	CHECK(child >= 0);
	if (child == 0)
		_exit(0);
	CHECK(waitpid(child, &status, 0) == child && status == 0);
}

static void map_again(char *at)
{
	CHECK(mmap(at, HALF, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
		   0) == at);
}

/* None of its pages goes, but how they may be used changes, and where they are. */
static void shake(char *at, size_t size)
{
	CHECK(mprotect(at, size, PROT_READ | PROT_WRITE | PROT_EXEC) == 0);
	madvise(at, size, MADV_PAGEOUT);
	CHECK(mprotect(at, size, PROT_READ | PROT_WRITE) == 0);
	madvise(at, size, MADV_COLD);
}

static void *stir(void *argument)
{
	struct storm *storm = argument;
	char *at = storm->pages + HALF;

	for (unsigned int round = 0; !storm->over; round++, storm->rounds++) {
		switch (round % 8) {
		case 0:
			CHECK(munmap(at, HALF) == 0);
			map_again(at);
			break;
		case 1:
			CHECK(mprotect(at, HALF, PROT_READ) == 0);
			CHECK(mprotect(at, HALF, PROT_READ | PROT_WRITE) == 0);
			break;
		case 2:
			CHECK(madvise(at, HALF, MADV_DONTNEED) == 0);
			break;
		case 3:
			shake(storm->pages, HALF);
			break;
		case 4:
			/* Away, and back. */
			CHECK(mremap(at, HALF, HALF, MREMAP_MAYMOVE | MREMAP_FIXED, storm->spare) ==
			      storm->spare);
			CHECK(mremap(storm->spare, HALF, HALF, MREMAP_MAYMOVE | MREMAP_FIXED, at) ==
			      at);
			break;
		case 5:
			shake(storm->session.stack, STACK_SIZE);
			break;
		case 6:
			shake(storm->slot - SLOT_STACK, SLOT_STACK + PAGE);
			break;
		case 7:
			fork_once();
			break;
		}
	}
	return NULL;
}

/* A copy from or to what comes and goes: to its end, or to where U would fault. */
static void copy_in_storm(struct storm *storm, char *to, const char *from)
{
	struct lp_registers given = some_registers();
	struct outcome outcome;

	given.rdi = (uintptr_t)to;
	given.rsi = (uintptr_t)from;
	given.rcx = HALF - 64;
	outcome = run(&storm->session, LP_ENTRY_COPY, &given);
	CHECK(outcome.error == 0);
	CHECK(outcome.reason == LP_RUN_EXIT || outcome.reason == LP_RUN_FAULT);
	CHECK(outcome.registers.rdi - (uintptr_t)to == given.rcx - outcome.registers.rcx);
}

static void a_storm_of_changes_under_runs(void)
{
	struct storm storm = {.over = false};
	double end = now() + amount(6);
	uint64_t *first, rounds = 0;
	pthread_t threads[2];

	storm.pages = map_pages(STORM_PAGES);
	storm.spare = map_pages(STORM_PAGES / 2);
	storm.slot = map_slot();
	first = (uint64_t *)storm.pages;
	begin(&storm.session);
	word = 0;
	CHECK(pthread_create(&threads[0], NULL, stir, &storm) == 0);
	while (now() < end) {
		struct lp_registers given;
		struct outcome outcome;

		rounds++;
		count_in_runs(&storm.session, 1000, first, NULL);
		CHECK(*first == 1000 * rounds);
		copy_in_storm(&storm, storm.pages + HALF, storm.pages);
		copy_in_storm(&storm, storm.pages + 64, storm.pages + HALF);
		given = switching(storm.slot, 0);
		CHECK_EXIT(run(&storm.session, LP_ENTRY_SWITCH, &given));
		CHECK(word == rounds);
		given = switching(storm.slot, 1);
		outcome = run(&storm.session, LP_ENTRY_SWITCH, &given);
		CHECK(outcome.error == 0 && outcome.reason == LP_RUN_DEOPT);
		CHECK(((uint64_t *)storm.slot)[-1] == PLACE(SWITCH_BACK));
		given = some_registers();
		given.rdi = 100;
		CHECK(run(&storm.session, LP_ENTRY_DEEP, &given).reason == LP_RUN_DEOPT);
		for (int i = 1; i <= 100; i++)
			CHECK(frame_of(&storm.session)[-2 * i] == PLACE(DEEP));
	}
	storm.over = true;
	CHECK(pthread_join(threads[0], NULL) == 0);
	printf("%lu rounds of runs, %u of changes\n", rounds, storm.rounds);
	CHECK(rounds > 5 && storm.rounds > 20);
	CHECK(counters(&storm.session).invalidations > 20);
	finish(&storm.session);
}

/* A figure of /proc/vmstat. */
static uint64_t vm_figure(const char *name)
{
	FILE *file = fopen("/proc/vmstat", "r");
	uint64_t value, found = 0;
	char key[64];

	CHECK(file);
	while (fscanf(file, "%63s %lu", key, &value) == 2)
		if (!strcmp(key, name))
			found = value;
	fclose(file);
	return found;
}

#define SWAP_DEVICE "/dev/ram0"

/* As mkswap does: version 1, all pages but the first. */
static void make_swap(void)
{
	struct {
		char boot[1024];
		uint32_t version, last_page, bad_pages;
		char rest[PAGE - 1024 - 12 - 10];
		char magic[10];
	} __attribute__((packed)) header = {.version = 1};
	int fd = open(SWAP_DEVICE, O_RDWR);
	off_t size;

	CHECK(fd >= 0);
	size = lseek(fd, 0, SEEK_END);
	CHECK(size >= 64 * PAGE);
	header.last_page = size / PAGE - 1;
	memcpy(header.magic, "SWAPSPACE2", 10);
	CHECK(pwrite(fd, &header, sizeof(header), 0) == sizeof(header));
	CHECK(fsync(fd) == 0 && close(fd) == 0);
	CHECK(swapon(SWAP_DEVICE, 0) == 0);
}

#define PRESSED_PAGES 512

struct pressure {
	struct session session;
	char *pages;
	char *slot;
	atomic_bool over;
};

/* Pages go to the disk and come back, or to other places in memory. */
static void *press(void *argument)
{
	struct pressure *pressure = argument;
	int compact = open("/proc/sys/vm/compact_memory", O_WRONLY);

	CHECK(compact >= 0);
	while (!pressure->over) {
		madvise(pressure->pages, PRESSED_PAGES * PAGE, MADV_PAGEOUT);
		madvise(pressure->session.stack, STACK_SIZE, MADV_PAGEOUT);
		madvise(pressure->slot - SLOT_STACK, SLOT_STACK, MADV_PAGEOUT);
		CHECK(write(compact, "1", 1) == 1);
	}
	close(compact);
	return NULL;
}

static void memory_that_is_swapped_or_moved_is_none_the_worse(void)
{
	uint64_t out = vm_figure("pswpout"), moved = vm_figure("pgmigrate_success"), rounds = 0;
	struct pressure pressure = {.over = false};
	uint64_t turns[3] = {0};
	double end;
	pthread_t thread;

	make_swap();
	end = now() + amount(5);
	pressure.pages = map_pages(PRESSED_PAGES);
	pressure.slot = map_slot();
	begin(&pressure.session);
	word = 0;
	CHECK(pthread_create(&thread, NULL, press, &pressure) == 0);
	while (now() < end) {
		struct lp_registers given;

		turns[rounds++ % 3]++;
		for (int i = (rounds - 1) % 3; i < PRESSED_PAGES; i += 64)
			count_in_runs(&pressure.session, 100,
				      (uint64_t *)(pressure.pages + i * PAGE), NULL);
		given = switching(pressure.slot, 0);
		CHECK_EXIT(run(&pressure.session, LP_ENTRY_SWITCH, &given));
		CHECK(word == rounds);
	}
	pressure.over = true;
	CHECK(pthread_join(thread, NULL) == 0);
	for (int i = 0; i < 3; i++)
		for (int at = i; at < PRESSED_PAGES; at += 64)
			CHECK(*(uint64_t *)(pressure.pages + at * PAGE) == 100 * turns[i]);
	finish(&pressure.session);
	CHECK(swapoff(SWAP_DEVICE) == 0);
	printf("%lu rounds, %lu pages to swap, %lu moved\n", rounds, vm_figure("pswpout") - out,
	       vm_figure("pgmigrate_success") - moved);
	CHECK(vm_figure("pswpout") > out && vm_figure("pgmigrate_success") > moved);
}

/* -- who sees what ----------------------------------------------------------------------------- */

/* Kernel text, modules, direct map, vmalloc; not small negative numbers. */
static bool is_kernel_address(uint64_t value)
{
	return value >= KERNEL_HALF && value < 0xffffffffff000000 && value != KERNEL_HALF;
}

/* Words in all memory that this process can write that could be such addresses. */
static unsigned int kernel_addresses_in_sight(const char *when)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	unsigned int count = 0;
	uint64_t start, end;
	char line[512], rights[8];

	CHECK(maps);
	while (fgets(line, sizeof(line), maps)) {
		CHECK(sscanf(line, "%lx-%lx %7s", &start, &end, rights) == 3);
		if (strncmp(rights, "rw", 2))
			continue;
		for (const uint64_t *at = (uint64_t *)start; at < (uint64_t *)end; at++)
			if (is_kernel_address(*at) && count++ < 8)
				printf("%s: %#lx at %p in %s", when, *at, (void *)at, line);
	}
	fclose(maps);
	return count;
}

/* One of each, with stops of each kind; then one that leaves the stack as it found it. */
static void run_all_kinds(struct session *s, char *slot)
{
	const struct lp_registers some = some_registers();
	struct lp_registers given;

	given = some;
	given.rdi = 100;
	CHECK(run(s, LP_ENTRY_DEEP, &given).reason == LP_RUN_DEOPT);
	CHECK(run(s, LP_ENTRY_NESTED, &given).reason == LP_RUN_DEOPT);
	CHECK(run(s, LP_ENTRY_LOAD, &given).reason == LP_RUN_FAULT);
	given = counting(1000000, &word);
	CHECK(run(s, LP_ENTRY_COUNT, &given).reason == LP_RUN_EXIT);
	given = calling(SYS_write, -1, (uintptr_t)&word, 8, 0);
	CHECK(run(s, LP_ENTRY_CALL, &given).reason == LP_RUN_EXIT);
	given = calling(SYS_getpid, 0, 0, 0, 0);
	CHECK(run(s, LP_ENTRY_CALL, &given).reason == LP_RUN_SYSCALL);
	for (uint64_t how = 0; how < 2; how++) {
		given = switching(slot, how);
		CHECK(run(s, LP_ENTRY_SWITCH, &given).error == 0);
	}
	given = switching(slot, 0);
	CHECK(run(s, LP_ENTRY_SWITCH, &given).reason == LP_RUN_EXIT);
	CHECK_EXIT(run(s, LP_ENTRY_INVERT, &some));
}

/* Written as sixteen digits; the page for old system calls is where it is in every process. */
static bool has_address(const char *text)
{
	for (const char *at = text; (at = strstr(at, "ffff")); at++) {
		int digits = 0;

		while (isxdigit(at[digits]))
			digits++;
		if (digits == 16 && (at == text || !isxdigit(at[-1])) &&
		    strncmp(at, "ffffffffff", 10)) {
			printf("%.80s\n", at);
			return true;
		}
	}
	return false;
}

/* What a file of /proc or /dev says; empty if nobody may read it. */
static const char *text_of(const char *path)
{
	static char text[65536];
	int fd = open(path, O_RDONLY);
	ssize_t size = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);

	if (fd >= 0)
		close(fd);
	text[size > 0 ? size : 0] = 0;
	return text;
}

static void check_the_log(void)
{
	static char log[1 << 20];
	int size = klogctl(3, log, sizeof(log) - 1);
	char *rest = log, *line;

	CHECK(size > 0);
	log[size] = 0;
	while ((line = strsep(&rest, "\n")))
		CHECK(!strstr(line, "lakeplacid") || !has_address(line));
	/* Others than root may not even look. */
	CHECK(setuid(65534) == 0);
	CHECK(klogctl(3, log, sizeof(log)) == -1 && errno == EPERM);
	_exit(0);
}

static void no_kernel_address_is_in_sight(void)
{
	static const char *const files[] = {"maps", "smaps", "stat", "wchan", "syscall", "status"};
	char *slot = map_slot(), path[64];
	unsigned int before;
	struct session s;
	uint64_t unseen;
	pid_t child;
	int fd;

	begin(&s);
	before = kernel_addresses_in_sight("before");
	for (int i = 0; i < 10; i++)
		run_all_kinds(&s, slot);
	CHECK(kernel_addresses_in_sight("after") == before);
	CHECK(!has_address(text_of(DEVICE)));
	/* E, as its parent's debugger sees it: no register, no memory. */
	for (size_t i = 0; i < COUNT(files); i++) {
		snprintf(path, sizeof(path), "/proc/%d/%s", (int)s.body, files[i]);
		CHECK(!has_address(text_of(path)));
	}
	snprintf(path, sizeof(path), "/proc/%d/mem", (int)s.body);
	fd = open(path, O_RDONLY);
	CHECK(fd < 0 || pread(fd, &unseen, 8, (uintptr_t)s.stack + STACK_SIZE - 8) == -1);
	close(fd);
	child = fork();
	if (child == 0)
		check_the_log();
	CHECK(ended(child, 0) == 0);
	finish(&s);
}

/* clang-format off */
const struct test fault_tests[] = {
	TEST(a_debugger_of_u_disturbs_no_run),
	TEST(a_tracer_of_e_waits_in_vain_and_does_no_harm),
	TEST(stopping_u_in_a_loop_loses_nothing),
	TEST(the_end_of_the_process_ends_a_run_of_its_threads),
	TEST(what_u_took_back_when_it_was_killed_e_does_not_run),
	TEST(modules_are_not_unloaded_under_a_run),
	TEST(a_sandbox_holds_in_elite),
	TEST(a_tracer_sees_all_system_calls),
	TEST(a_thread_with_files_of_its_own_needs_another_e),
	TEST(a_storm_of_changes_under_runs),
	TEST(memory_that_is_swapped_or_moved_is_none_the_worse),
	TEST(no_kernel_address_is_in_sight),
	{NULL, NULL},
};
/* clang-format on */
