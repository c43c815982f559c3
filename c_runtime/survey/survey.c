// SPDX-License-Identifier: GPL-2.0-only WITH GCC-exception-2.0
/*
 * The surveying runtime: how often each function runs, what it calls, in which loops, and what is
 * received and sent below it. `lp init` finds the request function by that.
 *
 * Each thread keeps a stack of the functions that it is in, and counts in an area of its own in a
 * file that is mapped shared (scout/trace_file.h): no atomic instruction, nothing lost when
 * the process is killed. A thread that ends leaves its area to the next one, and so does a process.
 *
 * Survey file, all integers little-endian: struct survey_header, tables (JSON, head.tables_size
 * bytes), and from header.area_offset on header.areas areas of header.area_size bytes. An area:
 * struct counts by function, a uint64_t by loop, header.edges of struct edge, open addressing.
 *
 * Nothing here calls malloc: the allocator may itself be surveyed.
 */
#include "survey/survey.h"
#include "scout/trace_file.h"
#include "scout/trace_program.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>
#include <x86intrin.h>

enum { LOOK_AFTER = 100000 }; /* cycles: waiting for a disk takes longer */
enum { SURVEY_VERSION = 3, DEPTH = 1024, MAX_AREAS = 1 << 14, EDGES_MIN = 256, EDGES_MAX = 16384 };

struct survey_header {
	struct lp_trace_head head; /* magic: "LPSURVEY" */
	uint64_t area_offset;
	uint64_t area_size;
	uint64_t areas; /* atomic; how many are in use */
	uint32_t functions;
	uint32_t loops;
	uint32_t edges;		    /* of each area, a power of two */
	uint32_t threads;	    /* atomic: the most areas that one process had at once */
	uint32_t owners[MAX_AREAS]; /* atomic; the process that counts in each area; 0: none */
};

/* Of one function, in one thread. "Below": in it or in what it called. */
struct counts {
	uint64_t calls;
	uint64_t iterations; /* of its loops */
	uint64_t received;   /* calls with a message received below */
	uint64_t sent;	     /* calls with one sent below */
	uint64_t receives;   /* messages received below */
	uint64_t sends;	     /* messages sent below */
	uint64_t own_receives;
	uint64_t own_sends;
	uint64_t own_accepts;
	uint64_t own_waits;
	uint64_t cycles; /* of finished calls: below, less what was spent waiting */
	uint64_t waits;	 /* for clients or their messages, below; accepts are among them */
	uint64_t own_forks;
	uint64_t called[LP_SURVEY_CALLS / 64]; /* bit n: it made the n-th of survey/calls.c */
	uint64_t reserved;
};

/* One function was seen to call another. */
struct edge {
	uint64_t key; /* (caller + 1) << 32 | callee + 1; zero: free */
	uint64_t calls;
	uint64_t looped; /* of these, from a call of the caller that had begun a loop */
};

/* A function that a thread is in. */
struct frame {
	const struct __lp_survey_token *token;
	const void *at;
	uint64_t began; /* by the thread's own clock */
	uint32_t function;
	bool nested; /* the function is in the stack before, too */
	bool iterated;
	bool received;
	bool sent;
};

struct thread {
	struct counts *counts; /* NULL: to be found (anew in a forked child) */
	uint64_t *loops;
	struct edge *edges;
	uint64_t area; /* its number */
	uint64_t waited;
	/* When it was last looked how much of its time the processor gave it: by which clock, how
	 * much that was in nanoseconds, and what `waited` was then. */
	uint64_t looked;
	uint64_t given;
	uint64_t waited_then;
	uint64_t latest; /* what own_clock has said */
	size_t bytes;	 /* of this mapping */
	uint32_t depth;
	struct frame frames[DEPTH];
	uint32_t active[]; /* by function: how often it is in the stack */
};

static __thread struct thread *self __attribute__((tls_model("initial-exec")));
static __thread bool busy __attribute__((tls_model("initial-exec")));

static struct {
	bool ready;
	uint32_t functions;
	uint32_t loops;
	uint32_t edges;
	bool *told; /* shared by forks: one message is enough */
	struct lp_trace_file file;
	pthread_key_t key;
	pthread_mutex_t lock;
	pid_t pid;
	uint64_t start; /* by the processor's clock, and in nanoseconds */
	uint64_t start_time;
} survey = {.file = {.kind = "survey", .suffix = "lps"}, .lock = PTHREAD_MUTEX_INITIALIZER};

static struct survey_header *header(void)
{
	return (struct survey_header *)survey.file.window;
}

static void *map_memory(size_t bytes, int sharing)
{
	void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, sharing | MAP_ANONYMOUS, -1, 0);

	return memory == MAP_FAILED ? NULL : memory;
}

static void give_up(const char *what)
{
	const char *why = strerror(errno);
	char said[256];

	survey.ready = false;
	/* A daemon has nobody who reads what it prints: `lp init` tells it, too. */
	snprintf(said, sizeof(said), "%s (user %d): %s", what, (int)geteuid(), why);
	lp_trace_note_failure(&survey.file, said);
	if (survey.told && __atomic_exchange_n(survey.told, true, __ATOMIC_RELAXED))
		return;
	fprintf(stderr,
		"lp: the survey stops in process %d, and in each that meets the same: %s %s: %s\n"
		"  remedy: make it writable, or set LP_TRACE_DIR to a folder that is\n",
		(int)getpid(), what, survey.file.path, why);
}

/* -- the file ----------------------------------------------------------------------------- */

static uint64_t area_bytes(void)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	uint64_t bytes = survey.functions * sizeof(struct counts) +
			 survey.loops * sizeof(uint64_t) + survey.edges * sizeof(struct edge);

	return (bytes + page - 1) / page * page;
}

/* Whether a process is no more, so that its areas can be had. */
static bool has_ended(uint32_t pid)
{
	return kill((pid_t)pid, 0) < 0 && errno == ESRCH;
}

/* An area that nobody counts in (any more), now this process's; MAX_AREAS: there is none. Servers
 * that fork for each connection would fill the disk otherwise. */
static uint64_t free_area(void)
{
	uint64_t areas = __atomic_load_n(&header()->areas, __ATOMIC_ACQUIRE);
	uint32_t own = 1;

	for (uint64_t number = 0; number < areas && number < MAX_AREAS; number++) {
		uint32_t *owner = &header()->owners[number];
		uint32_t before = __atomic_load_n(owner, __ATOMIC_RELAXED);

		if (before == (uint32_t)survey.pid && own++ >= header()->threads)
			__atomic_store_n(&header()->threads, own, __ATOMIC_RELAXED);
		if (before == (uint32_t)survey.pid || (before && !has_ended(before)))
			continue;
		if (__atomic_compare_exchange_n(owner, &before, (uint32_t)survey.pid, false,
						__ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
			return number;
	}
	return MAX_AREAS;
}

/* Most of the owners' table is never used, and takes no room. */
static int reserve_owner(uint64_t number)
{
	uint64_t place = offsetof(struct survey_header, owners) + number * sizeof(uint32_t);

	return lp_trace_reserve(&survey.file, place, place + sizeof(uint32_t));
}

/* One more area, this process's; MAX_AREAS with errno. */
static uint64_t new_area(void)
{
	for (;;) {
		uint64_t number = __atomic_fetch_add(&header()->areas, 1, __ATOMIC_ACQ_REL);
		uint32_t none = 0;
		int reserved;

		errno = EFBIG;
		if (number >= MAX_AREAS)
			return MAX_AREAS;
		pthread_mutex_lock(&survey.lock);
		survey.file.taken = 0; /* neither these nor areas are taken in their order */
		reserved = reserve_owner(number);
		pthread_mutex_unlock(&survey.lock);
		if (reserved < 0)
			return MAX_AREAS;
		/* Who looked for a free one may have been faster. */
		if (__atomic_compare_exchange_n(&header()->owners[number], &none,
						(uint32_t)survey.pid, false, __ATOMIC_ACQ_REL,
						__ATOMIC_RELAXED))
			return number;
	}
}

static bool take_area(struct thread *thread)
{
	uint64_t number = free_area();
	uint64_t offset;

	if (number == MAX_AREAS)
		number = new_area();
	if (number == MAX_AREAS) {
		give_up("cannot extend");
		return false;
	}
	offset = header()->area_offset + number * header()->area_size;
	pthread_mutex_lock(&survey.lock);
	survey.file.taken = 0;
	if (lp_trace_reserve(&survey.file, offset, offset + header()->area_size) < 0) {
		give_up("cannot extend");
		pthread_mutex_unlock(&survey.lock);
		return false;
	}
	pthread_mutex_unlock(&survey.lock);
	thread->area = number;
	thread->counts = (struct counts *)(survey.file.window + offset);
	thread->loops = (uint64_t *)(thread->counts + survey.functions);
	thread->edges = (struct edge *)(thread->loops + survey.loops);
	return true;
}

static int put(uint64_t *end, const char *text)
{
	size_t length = strlen(text);

	if (lp_trace_reserve(&survey.file, *end, *end + length) < 0)
		return -1;
	memcpy(survey.file.window + *end, text, length);
	*end += length;
	return 0;
}

static bool listed_before(struct __lp_survey_unit *const *unit)
{
	for (struct __lp_survey_unit *const *other = __start_lp_survey_units; other < unit; other++)
		if (*other == *unit)
			return true;
	return false;
}

static int write_tables(uint64_t *end)
{
	const char *separator = "[";

	for (struct __lp_survey_unit *const *unit = __start_lp_survey_units;
	     unit < __stop_lp_survey_units; unit++) {
		if (listed_before(unit))
			continue;
		if (put(end, separator) < 0 || put(end, (*unit)->table) < 0)
			return -1;
		separator = ",";
	}
	return put(end, "]");
}

static bool start_file(void)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	uint64_t end = sizeof(struct survey_header);

	lp_trace_choose(&survey.file);
	if (lp_trace_create(&survey.file) < 0)
		return false;
	if (reserve_owner(0) < 0 || write_tables(&end) < 0) {
		int error = errno;

		lp_trace_discard(&survey.file);
		errno = error;
		return false;
	}
	header()->head.pid = (uint32_t)survey.pid;
	header()->head.version = SURVEY_VERSION;
	header()->head.tables_size = end - sizeof(struct survey_header);
	header()->area_offset = (end + page - 1) / page * page;
	header()->area_size = area_bytes();
	header()->functions = survey.functions;
	header()->loops = survey.loops;
	header()->edges = survey.edges;
	header()->threads = 1;
	memcpy(header()->head.magic, "LPSURVEY", 8);
	return true;
}

/* -- threads ------------------------------------------------------------------------------ */

static struct thread *new_thread(void)
{
	size_t bytes = sizeof(struct thread) + survey.functions * sizeof(uint32_t);
	struct thread *thread = map_memory(bytes, MAP_PRIVATE);

	if (thread) {
		thread->bytes = bytes;
		self = thread;
		pthread_setspecific(survey.key, thread);
	}
	return thread;
}

/* This thread, with an area to count in; NULL: nothing is counted. */
static struct thread *own(void)
{
	struct thread *thread = self;
	int error;

	if (!survey.ready || busy)
		return NULL;
	if (thread && thread->counts)
		return thread;
	error = errno;
	busy = true; /* what is called here is not the program's */
	if (!thread)
		thread = new_thread();
	if (thread && !take_area(thread))
		thread = NULL;
	busy = false;
	errno = error;
	return thread;
}

static void end_thread(void *memory)
{
	struct thread *thread = memory;

	self = NULL;
	if (thread->counts)
		__atomic_store_n(&header()->owners[thread->area], 0, __ATOMIC_RELEASE);
	munmap(thread, thread->bytes);
}

static uint64_t nanoseconds(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* What this thread did not run since it was last looked is none of its work either: it waited for
 * a disk, a lock, or a processor. */
static void look(struct thread *thread, uint64_t now)
{
	uint64_t given = nanoseconds(CLOCK_THREAD_CPUTIME_ID);
	uint64_t elapsed = now - thread->looked - (thread->waited - thread->waited_then);
	double rate = (double)(now - survey.start) /
		      (double)(nanoseconds(CLOCK_MONOTONIC) - survey.start_time + 1);
	uint64_t worked = (uint64_t)((double)(given - thread->given) * rate);

	if (thread->looked && given >= thread->given && elapsed > worked)
		thread->waited += elapsed - worked;
	thread->looked = now;
	thread->given = given;
	thread->waited_then = thread->waited;
}

/* The processor's clock less what this thread has waited. */
static uint64_t own_clock(struct thread *thread)
{
	uint64_t now = __rdtsc();

	if (now - thread->looked > LOOK_AFTER)
		look(thread, now);
	/* Some of the time may have passed before what is measured now. */
	if (now - thread->waited < thread->latest)
		thread->waited = now - thread->latest;
	thread->latest = now - thread->waited;
	return thread->latest;
}

/* -- functions ---------------------------------------------------------------------------- */

static void count_edge(struct thread *thread, const struct frame *caller, uint32_t callee)
{
	uint64_t key = ((uint64_t)caller->function + 1) << 32 | (callee + 1);
	uint64_t hash = key * 0x9e3779b97f4a7c15;

	for (uint32_t probes = 0; probes < 64; probes++) {
		struct edge *edge = &thread->edges[((hash >> 40) + probes) & (survey.edges - 1)];

		if (edge->key && edge->key != key)
			continue;
		edge->key = key;
		edge->calls++;
		edge->looped += caller->iterated;
		return;
	}
}

static void pop(struct thread *thread)
{
	struct frame *frame = &thread->frames[--thread->depth];

	thread->active[frame->function]--;
	if (!frame->nested)
		thread->counts[frame->function].cycles += own_clock(thread) - frame->began;
}

int __lp_survey_enter(struct __lp_survey_token *token, unsigned function, const void *at)
{
	struct thread *thread = own();
	struct frame *frame;

	token->at = at;
	if (!thread)
		return 0;
	/* Frames below a new one were left by longjmp. */
	while (thread->depth && thread->frames[thread->depth - 1].at < at)
		pop(thread);
	thread->counts[function].calls++;
	if (thread->depth == DEPTH)
		return 0;
	if (thread->depth)
		count_edge(thread, &thread->frames[thread->depth - 1], function);
	frame = &thread->frames[thread->depth];
	*frame = (struct frame){.token = token,
				.at = at,
				.began = own_clock(thread),
				.function = function,
				.nested = thread->active[function] != 0};
	thread->active[function]++;
	thread->depth++;
	return 0;
}

void __lp_survey_leave(struct __lp_survey_token *token)
{
	struct thread *thread = own();

	if (!thread)
		return;
	/* One that is not in the stack was entered too deep, or before the survey began. */
	for (uint32_t i = thread->depth; i-- > 0 && thread->frames[i].at <= token->at;) {
		if (thread->frames[i].token != token)
			continue;
		while (thread->depth > i)
			pop(thread);
		return;
	}
}

int __lp_survey_iterate(struct __lp_survey_token *token, unsigned loop)
{
	struct thread *thread = own();

	if (!thread)
		return 1;
	thread->loops[loop]++;
	for (uint32_t i = thread->depth; i-- > 0 && thread->frames[i].at <= token->at;) {
		if (thread->frames[i].token != token)
			continue;
		thread->counts[thread->frames[i].function].iterations++;
		thread->frames[i].iterated = true;
		break;
	}
	return 1;
}

/* -- what goes in and out ------------------------------------------------------------------ */

void lp_survey_note(enum lp_survey_event event, unsigned int call)
{
	struct thread *thread = own();
	struct counts *here;

	if (!thread || !thread->depth)
		return;
	here = &thread->counts[thread->frames[thread->depth - 1].function];
	here->own_receives += event == LP_SURVEY_RECEIVED;
	here->own_sends += event == LP_SURVEY_SENT;
	here->own_accepts += event == LP_SURVEY_ACCEPTED;
	here->own_waits += event == LP_SURVEY_WAITED;
	here->own_forks += event == LP_SURVEY_FORKED;
	here->called[call / 64] |= 1ull << call % 64;
	if (event == LP_SURVEY_CALLED || event == LP_SURVEY_FORKED)
		return;
	for (uint32_t i = 0; i < thread->depth; i++) {
		struct frame *frame = &thread->frames[i];
		struct counts *counts = &thread->counts[frame->function];

		if (event == LP_SURVEY_RECEIVED) {
			counts->received += !frame->received;
			frame->received = true;
			counts->receives += !frame->nested;
		} else if (event != LP_SURVEY_SENT) {
			counts->waits += !frame->nested;
		} else {
			counts->sent += !frame->sent;
			frame->sent = true;
			counts->sends += !frame->nested;
		}
	}
}

uint64_t lp_survey_wait(void)
{
	return __rdtsc();
}

void lp_survey_waited(uint64_t began)
{
	if (self)
		self->waited += __rdtsc() - began;
}

/* -- start and fork ------------------------------------------------------------------------- */

static void before_fork(void)
{
	pthread_mutex_lock(&survey.lock);
	lp_trace_fork(&survey.file);
}

static void after_fork_parent(void)
{
	pthread_mutex_unlock(&survey.lock);
}

/* A child counts in an area of its own. */
static void after_fork_child(void)
{
	survey.pid = getpid();
	if (self) {
		self->counts = NULL;
		self->looked = 0; /* its clock began anew */
		/* What its functions did before was its parent's. */
		for (uint32_t i = 0; i < self->depth; i++)
			self->frames[i].began = own_clock(self);
	}
	pthread_mutex_unlock(&survey.lock);
}

/* This process ends, in whatever functions its thread is; that they end is seen nowhere else. */
void lp_survey_end(void)
{
	struct thread *thread = own();

	/* A child of vfork() has its parent's memory. */
	if (survey.pid != getpid())
		return;
	while (thread && thread->depth)
		pop(thread);
}

__attribute__((destructor)) static void end(void)
{
	uint64_t areas;

	lp_survey_end();
	if (!survey.ready)
		return;
	areas = header()->areas;
	survey.ready = false;
	lp_trace_leave(&survey.file, header()->area_offset + areas * header()->area_size,
		       areas == 0);
}

static uint32_t power_of_two(uint32_t least)
{
	uint32_t size = EDGES_MIN;

	while (size < least && size < EDGES_MAX)
		size *= 2;
	return size;
}

__attribute__((constructor(101))) static void start(void)
{
	lp_trace_say_what_it_is("lp: this is the surveyed program: LP_ELITE does nothing in it. "
				"`lp init` says what comes next\n");
	for (struct __lp_survey_unit *const *unit = __start_lp_survey_units;
	     unit < __stop_lp_survey_units; unit++) {
		if (listed_before(unit))
			continue;
		(*unit)->base = survey.functions;
		(*unit)->loop_base = survey.loops;
		survey.functions += (*unit)->functions;
		survey.loops += (*unit)->loops;
	}
	survey.edges = power_of_two(survey.functions * 4);
	survey.pid = getpid();
	survey.start = __rdtsc();
	survey.start_time = nanoseconds(CLOCK_MONOTONIC);
	survey.told = map_memory((size_t)sysconf(_SC_PAGESIZE), MAP_SHARED);
	if (pthread_key_create(&survey.key, end_thread) || !start_file()) {
		give_up("cannot write to");
		return;
	}
	pthread_atfork(before_fork, after_fork_parent, after_fork_child);
	survey.ready = true;
}
