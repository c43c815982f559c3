// SPDX-License-Identifier: GPL-2.0-only
/*
 * Drives frames.S: `main SCENARIO …` does one thing and prints what a test looks at. It ends with a
 * line `errors=… fallbacks=… elite=…`, and with status 1 if there were errors.
 *
 * QUEUE: a request that leaves answers QUEUE_VALUE and finishes in another thread.
 */
#include <errno.h>
#include <execinfo.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <setjmp.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#include "lp_runtime.h"

long request(long depth);
long call_checked(long depth);
long lookup_checked(void (*function)(void), long *kept);
void looked_up(void);
void not_looked_up(void);
long loop(long turns);

/* What frames.S reads and writes: see the offsets there. */
struct state {
	uint64_t general[15];
	uint64_t flags;
	double pi;
	uint32_t mxcsr;
	uint16_t x87_control, pad;
	uint64_t mask;
	double one;
	unsigned char vector[32][64];
};
_Static_assert(offsetof(struct state, vector) == 160, "frames.S");

struct state pattern, found;
uint64_t stay, nest, vectors, errors, finished_in_elite;
uint64_t frames_elite, frames_fallback, turns_elite, turns_fallback;
static uint64_t fallbacks;
static void (*hook)(void);
static sem_t been_in_fallback;

void in_fallback(void)
{
	if (hook)
		hook();
	__atomic_fetch_add(&fallbacks, 1, __ATOMIC_SEQ_CST);
	sem_post(&been_in_fallback);
}

static void fail(const char *what)
{
	printf("%s\n", what);
	__atomic_fetch_add(&errors, 1, __ATOMIC_SEQ_CST);
}

static long triangle(long depth)
{
	return depth * (depth + 1) / 2;
}

static void call(long depth)
{
	long result = call_checked(depth);

#ifdef QUEUE
	if (result == QUEUE_VALUE)
		return;
#endif
	if (result != triangle(depth)) {
		printf("result %ld instead of %ld\n", result, triangle(depth));
		fail("wrong result");
	}
}

/* -- registers --------------------------------------------------------------------------------- */

static void fill(void)
{
	for (int i = 0; i < 15; i++)
		pattern.general[i] = 0x0101010101010101 * (i + 1) ^ 0xdeadbeef00000000;
	pattern.flags = 0xcd5 | 0x202;	 /* CF PF AF ZF SF DF OF; IF and bit 1 always read as set */
	pattern.mxcsr = 0x1f80 | 0x6000; /* round towards zero */
	pattern.x87_control = 0x0f7f;
	pattern.mask = 0xa5a5;
	for (int i = 0; i < 32; i++)
		for (int j = 0; j < 64; j++)
			pattern.vector[i][j] = 0x40 + i + 3 * j;
	__builtin_cpu_init();
	vectors = __builtin_cpu_supports("avx512f") ? 3 : __builtin_cpu_supports("avx") ? 2 : 1;
}

static void compare(void)
{
	static const size_t width[] = {0, 16, 32, 64};

	for (int i = 0; i < 15; i++)
		if (found.general[i] != pattern.general[i])
			fail("general register");
#ifndef STRESS /* the check changes them */
	if (found.flags != pattern.flags)
		fail("flags");
#endif
	if (found.mxcsr != pattern.mxcsr || found.x87_control != pattern.x87_control)
		fail("control words");
	if (found.pi != 3.141592653589793 || found.one != 1.0)
		fail("x87 stack");
	if (vectors == 3 && found.mask != pattern.mask)
		fail("mask register");
	for (int i = 0; i < (vectors == 3 ? 32 : 16); i++)
		if (memcmp(found.vector[i], pattern.vector[i], width[vectors]))
			fail("vector register");
}

static void registers(char **depths)
{
	fill();
	for (; *depths; depths++) {
		memset(&found, 0, sizeof(found));
		call(atol(*depths));
		/* Whoever dispatched keeps what the request set; the rest of us wants the default.
		 */
		__asm__ volatile("fninit\n\tldmxcsr %0" : : "m"((int){0x1f80}));
#ifdef QUEUE
		lp_workers_drain();
#endif
		compare();
	}
}

/* -- many requests ----------------------------------------------------------------------------- */

static void elite(char **arguments)
{
	long count = atol(arguments[0]), depth = atol(arguments[1]);

	stay = 1;
	for (long i = 0; i < count; i++)
		call(depth);
}

static void leave(char **arguments)
{
	long count = atol(arguments[0]), depth = atol(arguments[1]);

	for (long i = 0; i < count; i++)
		call(depth);
	for (long i = 0; i < count; i++)
		sem_wait(&been_in_fallback);
}

struct job {
	pthread_t thread;
	long calls, number;
};

static void *calls(void *argument)
{
	struct job *job = argument;
	uint64_t random = job->number * 2654435761 + 1;

	for (long i = 0; i < job->calls; i++) {
		random ^= random << 13, random ^= random >> 7, random ^= random << 17;
		/* Others' requests see this, too: some stay, some leave. */
		__atomic_store_n(&stay, random & 3 ? 1 : 0, __ATOMIC_RELAXED);
		call(random >> 8 & 15);
	}
	return NULL;
}

static void threads(char **arguments)
{
	long count = atol(arguments[0]), calls_each = atol(arguments[1]);
	struct job jobs[64];

	for (long i = 0; i < count; i++) {
		jobs[i] = (struct job){.calls = calls_each, .number = i};
		pthread_create(&jobs[i].thread, NULL, calls, &jobs[i]);
	}
	for (long i = 0; i < count; i++)
		pthread_join(jobs[i].thread, NULL);
}

static void threads_in_turn(char **arguments)
{
	for (long i = 0; i < atol(arguments[0]); i++) {
		struct job job = {.calls = 3, .number = i};

		pthread_create(&job.thread, NULL, calls, &job);
		pthread_join(job.thread, NULL);
	}
	printf("kept=%lu taken=%lu\n", lp_slot_counts.kept, lp_slot_counts.taken);
}

/* Threads that have a slot and do nothing with it, while others want one. */
static sem_t idle_done;
static sem_t idle_ready;

static void *call_and_idle(void *argument)
{
	calls(argument);
	sem_post(&idle_ready);
	sem_wait(&idle_done);
	return NULL;
}

static void idle(char **arguments)
{
	long count = atol(arguments[0]);
	struct job jobs[64];

	sem_init(&idle_done, 0, 0);
	sem_init(&idle_ready, 0, 0);
	for (long i = 0; i < count; i++) {
		jobs[i] = (struct job){.calls = 10, .number = i};
		pthread_create(&jobs[i].thread, NULL, call_and_idle, &jobs[i]);
		sem_wait(&idle_ready);
	}
	for (long i = 0; i < count; i++)
		sem_post(&idle_done);
	for (long i = 0; i < count; i++)
		pthread_join(jobs[i].thread, NULL);
}

/* -- slots and ring run out -------------------------------------------------------------------- */

static uint64_t waits_wanted;
static uint64_t *waits;

/* Hold the slot until as many threads wait as are to. */
static void hold(void)
{
	while (__atomic_load_n(waits, __ATOMIC_SEQ_CST) < waits_wanted)
		sched_yield();
}

static void *one_call(void *argument)
{
	call(3);
	return argument;
}

static void exhaust(char **arguments)
{
	long count = atol(arguments[0]);
	pthread_t all[64];

	waits = &lp_slot_counts.waits;
	waits_wanted = atol(arguments[1]);
	hook = hold;
	for (long i = 0; i < count; i++)
		pthread_create(&all[i], NULL, one_call, NULL);
	for (long i = 0; i < count; i++)
		pthread_join(all[i], NULL);
	for (long i = 0; i < count; i++)
		sem_wait(&been_in_fallback);
	printf("waits=%lu\n", lp_slot_counts.waits);
}

#ifdef QUEUE
static void fill_ring(char **arguments)
{
	waits = &lp_ring_counts.waits;
	waits_wanted = 1;
	hook = hold;
	leave(arguments);
	printf("waits=%lu depth_max=%lu\n", lp_ring_counts.waits, lp_ring_counts.depth_max);
}

/* Which threads finish requests: not the one that dispatches them. */
static pthread_t dispatcher;

static void not_the_dispatcher(void)
{
	if (pthread_equal(pthread_self(), dispatcher))
		fail("finished by the thread that dispatched it");
}

static void other_thread(char **arguments)
{
	dispatcher = pthread_self();
	hook = not_the_dispatcher;
	leave(arguments);
}

/* A request that is under way when the program ends. */
static sem_t ended;

static void finish_late(void)
{
	sem_wait(&ended);
}

static void let_finish(void)
{
	sem_post(&ended);
}

static void end_early(char **arguments)
{
	(void)arguments;
	sem_init(&ended, 0, 0);
	atexit(let_finish);
	hook = finish_late;
	call(3);
}

static void exit_worker(void)
{
	__atomic_fetch_add(&fallbacks, 1, __ATOMIC_SEQ_CST);
	pthread_exit(NULL);
}

/* Requests that end the thread that they run on: the next ones still find one. */
static void worker_exits(char **arguments)
{
	hook = exit_worker;
	for (long i = 0; i < atol(arguments[0]); i++)
		call(3);
	lp_workers_drain();
	printf("taken=%lu\n", lp_slot_counts.taken);
}
#endif

/* -- within requests --------------------------------------------------------------------------- */

static __thread int level;

static void call_again(void)
{
	/* On a slot: the request function runs where it is. */
	if (level == 3)
		return;
	level++;
	if (call_checked(level) != triangle(level))
		fail("wrong result of a request within a request");
	level--;
}

static void nested(char **arguments)
{
	hook = call_again;
	leave(arguments);
#ifdef QUEUE
	lp_workers_drain();
#endif
	printf("nested=%lu\n", lp_slot_counts.nested);
}

static void nested_in_elite(char **arguments)
{
	nest = atol(arguments[0]);
	call(4);
	printf("nested=%lu\n", lp_slot_counts.nested);
}

static jmp_buf out;

static void jump_out(void)
{
	longjmp(out, 1);
}

static void leave_by_longjmp(char **arguments)
{
	volatile long left = atol(arguments[0]);

	hook = jump_out;
	if (setjmp(out))
		fallbacks++;
	if (left-- > 0)
		request(3);
	printf("taken=%lu\n", lp_slot_counts.taken);
}

/* From another place of the stack. */
static __attribute__((noinline)) void request_from(long deeper)
{
	volatile char frame[64];

	frame[0] = deeper;
	if (deeper)
		request_from(deeper - 1);
	else
		request(3);
	frame[1] = frame[0];
}

static void *jump_out_often(void *count)
{
	volatile long left = *(long *)count;

	if (setjmp(out))
		fallbacks++;
	if (left-- > 0)
		request_from(left * 7 % 5);
	return NULL;
}

/* jump_out_at_depths COUNT main|thread|low: in a thread, or in one whose stack is the program's. */
static void jump_out_at_depths(char **arguments)
{
	long count = atol(arguments[0]);
	pthread_attr_t attributes;
	pthread_t thread;

	hook = jump_out;
	if (!strcmp(arguments[1], "main")) {
		jump_out_often(&count);
	} else {
		pthread_attr_init(&attributes);
#ifdef STACKS_OF_ITS_OWN
		static char low[1 << 20] __attribute__((aligned(4096)));

		if (!strcmp(arguments[1], "low"))
			pthread_attr_setstack(&attributes, low, sizeof(low));
#endif
		pthread_create(&thread, &attributes, jump_out_often, &count);
		pthread_join(thread, NULL);
		pthread_attr_destroy(&attributes);
	}
	printf("taken=%lu\n", lp_slot_counts.taken);
}

/* A request that waits for another thread's. */
static void wait_for_another(void)
{
	pthread_t thread;

	hook = NULL;
	pthread_create(&thread, NULL, one_call, NULL);
	pthread_join(thread, NULL);
}

static void wait_within(char **arguments)
{
	(void)arguments;
	hook = wait_for_another;
	call(3);
	sem_wait(&been_in_fallback);
	sem_wait(&been_in_fallback);
}

static void call_from_handler(int signal)
{
	(void)signal;
	hook = NULL;
	call(7);
}

static void be_signalled(void)
{
	raise(SIGUSR1);
}

/* A handler whose stack lies within the thread's, and above the request that it interrupts. */
static void alternate_within(char **arguments)
{
	char alternate[65536];
	stack_t stack = {.ss_sp = alternate, .ss_size = sizeof(alternate)};
	struct sigaction action = {.sa_handler = call_from_handler, .sa_flags = SA_ONSTACK};

	(void)arguments;
	sigaltstack(&stack, NULL);
	sigaction(SIGUSR1, &action, NULL);
	hook = be_signalled;
	call(5);
	stack.ss_flags = SS_DISABLE;
	sigaltstack(&stack, NULL);
	printf("taken=%lu\n", lp_slot_counts.taken - lp_slot_counts.kept);
}

#ifdef COROUTINES
static ucontext_t main_line, coroutine;

static void call_in_coroutine(void)
{
	hook = NULL;
	call(7);
}

static void switch_over(void)
{
	swapcontext(&main_line, &coroutine);
}

/* The same with a coroutine. */
static void coroutine_within(char **arguments)
{
	char stack[65536];

	(void)arguments;
	getcontext(&coroutine);
	coroutine.uc_stack.ss_sp = stack;
	coroutine.uc_stack.ss_size = sizeof(stack);
	coroutine.uc_link = &main_line;
	makecontext(&coroutine, call_in_coroutine, 0);
	hook = switch_over;
	call(5);
	printf("taken=%lu\n", lp_slot_counts.taken - lp_slot_counts.kept);
}
#endif

static void note_cleanup(void *semaphore)
{
	sem_post(semaphore);
}

static void *exit_within(void *argument)
{
	pthread_cleanup_push(note_cleanup, &idle_ready);
	request(5);
	pthread_cleanup_pop(0);
	fail("still here");
	return argument;
}

static void exit_thread(void)
{
	fallbacks++;
	pthread_exit(NULL);
}

static void thread_exits(char **arguments)
{
	hook = exit_thread;
	sem_init(&idle_ready, 0, 0);
	for (long i = 0; i < atol(arguments[0]); i++) {
		pthread_t thread;
		int cleaned = -1;

		pthread_create(&thread, NULL, exit_within, NULL);
		pthread_join(thread, NULL);
		sem_getvalue(&idle_ready, &cleaned);
		if (cleaned != i + 1)
			fail("the cleanup handler below the request did not run");
	}
	printf("taken=%lu\n", lp_slot_counts.taken);
}

static void *addresses[64];
static int address_count;

static void look_back(void)
{
	address_count = backtrace(addresses, 64);
}

/* Unwinding goes from the slot on to the stack of whoever entered, or of the worker. */
static void back_trace(char **arguments)
{
	bool crossed = false;

	hook = look_back;
	call(atol(arguments[0]));
	sem_wait(&been_in_fallback);
	for (int i = 0; i < address_count - 1; i++)
#ifdef QUEUE
		crossed |= addresses[i] == lp_fallback_exit;
#else
		crossed |= addresses[i] > (void *)call_checked &&
			   addresses[i] < (void *)call_checked + 200;
#endif
	printf("crossed=%d\n", crossed);
}

static volatile long forever = 1;

static long overflow(volatile char *below)
{
	volatile char here[1024];

	here[0] = *below;
	return forever ? overflow(here) + here[0] : 0;
}

static void recurse(void)
{
	overflow(&(volatile char){0});
}

static void no_core(void)
{
	struct rlimit none = {0, 0};

	setrlimit(RLIMIT_CORE, &none);
}

static void guard(char **arguments)
{
	(void)arguments;
	no_core();
	hook = recurse;
	call(1);
	sem_wait(&been_in_fallback);
}

/* -- how large slots are --------------------------------------------------------------------------
 */

static size_t deep_bytes;

/* Touch that much stack, as a frame with an array does. */
static void go_deep(void)
{
	volatile char *array = __builtin_alloca(deep_bytes);

	for (size_t at = 0; at < deep_bytes; at += 4096)
		array[at] = 1;
	array[deep_bytes - 1] = 1;
	hook = NULL;
}

/* KiB of a slot's stack that are in memory. */
static size_t resident(void)
{
	static unsigned char in_memory[1 << 18];
	size_t kib = 0, pages = lp_slots.stack / 4096;

	for (unsigned int i = 0; i < 64; i++) {
		if (!lp_slot_used(i))
			continue;
		if (mincore(lp_slots.area + lp_slots.stride * i + lp_slots.guard, lp_slots.stack,
			    in_memory))
			fail("mincore");
		for (size_t page = 0; page < pages; page++)
			kib += in_memory[page] & 1 ? 4 : 0;
	}
	return kib;
}

/* deep KIB STAY MORE: a request that touches so much, in the Fallback or in Elite, then others that
 * do not. */
static void deep(char **arguments)
{
	deep_bytes = atol(arguments[0]) * 1024;
	hook = go_deep;
	call(3);
	sem_wait(&been_in_fallback);
	stay = 1;
	for (long i = 0; i < atol(arguments[1]); i++)
		call(3);
#ifdef QUEUE
	lp_workers_drain();
#endif
	printf("resident=%zu\n", resident());
}

/* What the program finds of the signal that a fault is. */
static void fault_handler(char **arguments)
{
	struct sigaction action;
	stack_t stack;

	(void)arguments;
	call(1);
	sigaction(SIGSEGV, NULL, &action);
	sigaltstack(NULL, &stack);
	printf("plain=%d\n", action.sa_handler == SIG_DFL && stack.ss_flags == SS_DISABLE);
}

static volatile int *volatile nowhere;

static void touch_nothing(void)
{
	*nowhere = 1;
}

/* A fault that is none of a stack, or the signal from elsewhere. */
static void fault(char **arguments)
{
	no_core();
	if (!strcmp(arguments[0], "sent"))
		kill(getpid(), SIGSEGV);
	hook = touch_nothing;
	call(1);
	sem_wait(&been_in_fallback);
}

static void end_by_seven(int signal)
{
	(void)signal;
	_exit(7);
}

static void handled(char **arguments)
{
	static char alternate[65536];
	stack_t stack = {.ss_sp = alternate, .ss_size = sizeof(alternate)};
	struct sigaction action = {.sa_handler = end_by_seven, .sa_flags = SA_ONSTACK};

	(void)arguments;
	sigaltstack(&stack, NULL);
	sigaction(SIGSEGV, &action, NULL);
	hook = recurse;
	call(1);
}

static void *one_deep_call(void *argument)
{
	deep(argument);
	return NULL;
}

/* The same in a thread. */
static void deep_in_thread(char **arguments)
{
	pthread_t thread;

	pthread_create(&thread, NULL, one_deep_call, arguments);
	pthread_join(thread, NULL);
}

#ifdef STACKS_OF_ITS_OWN
/* deep_in_large_thread KIB MORE STACK: the same in a thread with STACK KiB of stack. */
static void deep_in_large_thread(char **arguments)
{
	pthread_attr_t attributes;
	pthread_t thread;

	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, atol(arguments[2]) * 1024);
	pthread_create(&thread, &attributes, one_deep_call, arguments);
	pthread_join(thread, NULL);
	pthread_attr_destroy(&attributes);
}
#endif

static size_t maps(void)
{
	FILE *file = fopen("/proc/self/maps", "r");
	size_t lines = 0;

	for (int byte; (byte = fgetc(file)) != EOF;)
		lines += byte == '\n';
	fclose(file);
	return lines;
}

static long faults(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return usage.ru_minflt;
}

/* What a process with requests has mapped, and what a child of it touches to go on. */
static void cost(char **arguments)
{
	pid_t child;
	int to[2];
	long touched;

	stay = 1;
	for (long i = 0; i < atol(arguments[0]); i++)
		call(3);
	if (pipe(to))
		fail("pipe");
	child = fork();
	touched = faults();
	if (!child) {
		call(3);
		touched = faults();
		_exit(write(to[1], &touched, sizeof(touched)) != sizeof(touched));
	}
	if (read(to[0], &touched, sizeof(touched)) != sizeof(touched))
		fail("read");
	if (waitpid(child, NULL, 0) != child)
		fail("waitpid");
	printf("maps=%zu faults=%ld\n", maps(), touched);
}

/* Code on the stack, as nested functions have. */
static void run_on_stack(void)
{
	volatile unsigned char code[16] = {0xc3};

	((void (*)(void))code)();
}

static void code_on_stack(char **arguments)
{
	hook = run_on_stack;
	leave(arguments);
}

/* -- signals and processes --------------------------------------------------------------------- */

static volatile sig_atomic_t alarms;

static void on_alarm(int signal)
{
	(void)signal;
	alarms++;
	call(alarms & 7);
}

/* Handlers make requests at any instruction of the dispatch. */
static void signals(char **arguments)
{
	struct itimerval every = {{0, 50}, {0, 50}};
	static char alternate[65536];
	stack_t stack = {.ss_sp = alternate, .ss_size = sizeof(alternate)};
	bool on_stack = !strcmp(arguments[1], "alternate");
	struct sigaction action = {.sa_handler = on_alarm, .sa_flags = on_stack ? SA_ONSTACK : 0};

	sigaltstack(&stack, NULL);
	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &every, NULL);
	for (long i = 0; alarms < atol(arguments[0]); i++) {
		stay = i & 1;
		call(i & 3);
	}
	every = (struct itimerval){0};
	setitimer(ITIMER_REAL, &every, NULL);
#ifdef QUEUE
	lp_workers_drain();
#endif
	printf("leaked=%lu\n", lp_slot_counts.taken - lp_slot_counts.kept);
}

static void wait_for(pid_t child)
{
	int status;

	if (waitpid(child, &status, 0) != child || !WIFEXITED(status) || WEXITSTATUS(status))
		fail("the child failed");
}

#ifndef QUEUE
static pid_t child_in_request = -1;

static void fork_within(void)
{
	hook = NULL;
	child_in_request = fork();
}
#endif

/* Forks between requests (as servers do) and within one. */
static void forks(char **arguments)
{
	long count = atol(arguments[0]);
	pid_t child;

	stay = 1;
	call(2);
	call(2);
	child = fork();
	for (long i = 0; i < count; i++)
		call(3);
	stay = 0;
	call(3);
	sem_wait(&been_in_fallback);
	if (!child) {
		printf("child\n");
		return;
	}
	wait_for(child);
#ifndef QUEUE
	hook = fork_within;
	call(4);
	sem_wait(&been_in_fallback);
	if (!child_in_request) {
		call(1);
		return;
	}
	wait_for(child_in_request);
#endif
}

/* As servers that fork for each connection: children make requests, as another user, and end. how:
 * of "setuid", "close", "_exit", "orphan", what they do. */
static void children(char **arguments)
{
	const char *how = arguments[1];

	stay = 1;
	for (long i = 0; i < atol(arguments[0]); i++) {
		pid_t child = fork();

		if (child) {
			wait_for(child);
			continue;
		}
		if (strstr(how, "close"))
			for (int fd = 3; fd < 4096; fd++)
				close(fd);
		if (strstr(how, "setuid") && (setgid(65534) || setuid(65534)))
			_exit(1);
		call(1);
		if (strstr(how, "_exit"))
			_exit(0);
		exit(0);
	}
	if (strstr(how, "orphan")) /* the process that was started says nothing */
		kill(getpid(), SIGKILL);
	call(1);
}

static void vforks(char **arguments)
{
	pid_t child = vfork();

	(void)arguments;
	if (!child)
		_exit(0);
	wait_for(child);
	call(1);
}

#ifdef NO_THREADS
/* Linked with --wrap=pthread_create: there are no threads to be had, at once or in a child. */
static bool refuse_threads;

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
			  void *(*start)(void *), void *argument);
int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
			  void *(*start)(void *), void *argument);

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
			  void *(*start)(void *), void *argument)
{
	if (refuse_threads || getenv("NO_THREADS"))
		return EAGAIN;
	return __real_pthread_create(thread, attributes, start, argument);
}

static void no_threads_in_child(char **arguments)
{
	pid_t child = fork();

	if (child) {
		wait_for(child);
		return;
	}
	refuse_threads = true;
	leave(arguments);
}
#endif

static void stop_by(char **arguments)
{
	stay = 1;
	call(3);
	if (arguments[0][0] == 'i')
		signal(SIGTERM, SIG_IGN);
	raise(atoi(arguments[0] + (arguments[0][0] == 'i')));
}

/* -- tables and entries ------------------------------------------------------------------------ */

static void lookup(char **arguments)
{
	long kept = 0;

	(void)arguments;
	if (lookup_checked(looked_up, &kept) == 0 || !kept)
		fail("a function with an Elite copy");
	if (lookup_checked((void (*)(void))request, &kept) != (long)request || !kept)
		fail("the request function");
	if (lookup_checked(not_looked_up, &kept) != 0 || !kept)
		fail("a function without an Elite copy");
	if (lookup_checked(NULL, &kept) != 0 || !kept)
		fail("no function");
}

static void entries(char **arguments)
{
	long turns = atol(arguments[0]);

	if (loop(turns) != turns)
		fail("wrong result");
	printf("entries=%lu turns_elite=%lu turns_fallback=%lu\n", lp_entry_count, turns_elite,
	       turns_fallback);
}

#ifdef STRESS
static void frames(char **arguments)
{
	long count = atol(arguments[1]);

	stay = 1;
	for (long i = 0; i < count; i++)
		call(atol(arguments[0]));
#ifdef QUEUE
	lp_workers_drain();
#endif
	printf("frames_elite=%lu frames_fallback=%lu\n", frames_elite, frames_fallback);
}
#endif

static const struct scenario {
	const char *name;
	int arguments;
	void (*run)(char **arguments);
} scenarios[] = {
    {"registers", 1, registers},
    {"elite", 2, elite},
    {"leave", 2, leave},
    {"threads", 2, threads},
    {"threads_in_turn", 1, threads_in_turn},
    {"idle", 1, idle},
    {"exhaust", 2, exhaust},
#ifdef QUEUE
    {"fill_ring", 2, fill_ring},
    {"other_thread", 2, other_thread},
    {"end_early", 0, end_early},
    {"worker_exits", 1, worker_exits},
#endif
    {"nested", 2, nested},
    {"nested_in_elite", 1, nested_in_elite},
    {"leave_by_longjmp", 1, leave_by_longjmp},
    {"jump_out_at_depths", 2, jump_out_at_depths},
    {"wait_within", 0, wait_within},
    {"alternate_within", 0, alternate_within},
#ifdef COROUTINES
    {"coroutine_within", 0, coroutine_within},
#endif
    {"thread_exits", 1, thread_exits},
    {"back_trace", 1, back_trace},
    {"guard", 0, guard},
    {"deep", 2, deep},
    {"fault_handler", 0, fault_handler},
    {"fault", 1, fault},
    {"handled", 0, handled},
    {"deep_in_thread", 2, deep_in_thread},
#ifdef STACKS_OF_ITS_OWN
    {"deep_in_large_thread", 3, deep_in_large_thread},
#endif
    {"cost", 1, cost},
    {"code_on_stack", 2, code_on_stack},
    {"signals", 2, signals},
    {"forks", 1, forks},
    {"children", 2, children},
    {"vforks", 0, vforks},
#ifdef NO_THREADS
    {"no_threads_in_child", 2, no_threads_in_child},
#endif
    {"stop_by", 1, stop_by},
    {"lookup", 0, lookup},
    {"entries", 1, entries},
#ifdef STRESS
    {"frames", 2, frames},
#endif
};

int main(int argc, char **argv)
{
	sem_init(&been_in_fallback, 0, 0);
	for (size_t i = 0; argc > 1 && i < sizeof(scenarios) / sizeof(scenarios[0]); i++) {
		const struct scenario *scenario = &scenarios[i];

		if (strcmp(argv[1], scenario->name) || argc - 2 < scenario->arguments)
			continue;
		scenario->run(argv + 2);
		printf("errors=%lu fallbacks=%lu elite=%lu\n", errors, fallbacks,
		       finished_in_elite);
		return errors != 0;
	}
	fprintf(stderr, "no such scenario, or arguments are missing\n");
	return 3;
}
