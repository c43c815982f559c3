// SPDX-License-Identifier: GPL-2.0
/*
 * The surveying runtime: how often each function runs, what it calls, in which loops, and what is
 * received and sent below it. `lp init` finds the request function by that.
 *
 * Each thread keeps a stack of the functions that it is in, and counts in an area of its own in a
 * file that is mapped shared: no atomic instruction, nothing lost when the process is killed. A
 * thread that ends leaves its area to the next one.
 *
 * Survey file, all integers little-endian: struct survey_header, tables (JSON, header.tables_size
 * bytes), and from header.area_offset on header.areas areas of header.area_size bytes. An area:
 * struct counts by function, a uint64_t by loop, header.edges of struct edge, open addressing.
 *
 * Nothing here calls malloc: the allocator may itself be surveyed.
 */
#include "lp_survey.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <x86intrin.h>

#ifndef LP_TRACE_DIR_DEFAULT
#define LP_TRACE_DIR_DEFAULT ".lp/traces"
#endif

enum { SURVEY_VERSION = 1, DEPTH = 1024, MAX_AREAS = 1 << 14, EDGES_MIN = 256, EDGES_MAX = 16384 };

struct survey_header {
	char magic[8]; /* "LPSURVEY" */
	uint32_t version;
	uint32_t pid; /* of the process that began the file */
	uint64_t tables_size;
	uint64_t area_offset;
	uint64_t area_size;
	uint64_t areas; /* atomic; how many are in use */
	uint32_t functions;
	uint32_t loops;
	uint32_t edges; /* of each area, a power of two */
	uint32_t reserved;
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
	uint64_t reserved[4];
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
	size_t bytes; /* of this mapping */
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
	char path[PATH_MAX + 64];
	int fd;
	dev_t device;
	ino_t inode;
	struct survey_header *header;
	pthread_key_t key;
	/* Areas that ended threads left. */
	pthread_mutex_t lock;
	uint32_t *left;
	uint32_t left_count;
} survey = {.fd = -1, .lock = PTHREAD_MUTEX_INITIALIZER};

static void *map_memory(size_t bytes)
{
	void *memory =
	    mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return memory == MAP_FAILED ? NULL : memory;
}

static void give_up(const char *what)
{
	if (survey.ready || survey.fd < 0)
		fprintf(stderr,
			"lp: the survey stops in process %d: %s %s: %s\n"
			"  remedy: make it writable, or set LP_TRACE_DIR to a folder that is\n",
			(int)getpid(), what, survey.path, strerror(errno));
	survey.ready = false;
}

/* -- the file ----------------------------------------------------------------------------- */

/* The file's descriptor, opened again if the program closed it: servers close what they find. */
static int file_descriptor(void)
{
	struct stat found;

	if (survey.fd >= 0 && fstat(survey.fd, &found) == 0 && found.st_dev == survey.device &&
	    found.st_ino == survey.inode)
		return survey.fd;
	survey.fd = open(survey.path, O_RDWR | O_CLOEXEC);
	return survey.fd;
}

static uint64_t area_bytes(void)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	uint64_t bytes = survey.functions * sizeof(struct counts) +
			 survey.loops * sizeof(uint64_t) + survey.edges * sizeof(struct edge);

	return (bytes + page - 1) / page * page;
}

static bool take_area(struct thread *thread)
{
	uint64_t number, offset;
	unsigned char *area;
	int fd, error;

	pthread_mutex_lock(&survey.lock);
	number = survey.left_count ? survey.left[--survey.left_count] : MAX_AREAS;
	pthread_mutex_unlock(&survey.lock);
	if (number == MAX_AREAS)
		number = __atomic_fetch_add(&survey.header->areas, 1, __ATOMIC_RELAXED);
	offset = survey.header->area_offset + number * survey.header->area_size;
	fd = file_descriptor();
	if (fd < 0 || number >= MAX_AREAS) {
		errno = fd < 0 ? errno : EFBIG;
		give_up("cannot extend");
		return false;
	}
	/* Blocks are taken now: a full disk is an error here and not a SIGBUS later. */
	error = posix_fallocate(fd, (off_t)offset, (off_t)survey.header->area_size);
	area = mmap(NULL, survey.header->area_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
		    (off_t)offset);
	if (error || area == MAP_FAILED) {
		errno = error ? error : errno;
		give_up("cannot extend");
		return false;
	}
	thread->area = number;
	thread->counts = (struct counts *)area;
	thread->loops = (uint64_t *)(thread->counts + survey.functions);
	thread->edges = (struct edge *)(thread->loops + survey.loops);
	return true;
}

static int put(int fd, const char *text, uint64_t *size)
{
	size_t length = strlen(text);

	*size += length;
	return write(fd, text, length) == (ssize_t)length ? 0 : -1;
}

static bool listed_before(struct __lp_survey_unit *const *unit)
{
	for (struct __lp_survey_unit *const *other = __start_lp_survey_units; other < unit; other++)
		if (*other == *unit)
			return true;
	return false;
}

static int write_tables(int fd, uint64_t *size)
{
	const char *separator = "[";

	for (struct __lp_survey_unit *const *unit = __start_lp_survey_units;
	     unit < __stop_lp_survey_units; unit++) {
		if (listed_before(unit))
			continue;
		if (put(fd, separator, size) < 0 || put(fd, (*unit)->table, size) < 0)
			return -1;
		separator = ",";
	}
	return put(fd, "]", size);
}

/* The descriptor out of the way of the numbers that the program gets. */
static int moved_up(int fd)
{
	for (int lowest = 1000; lowest > 100; lowest /= 2) {
		int higher = fcntl(fd, F_DUPFD_CLOEXEC, lowest);

		if (higher >= 0) {
			close(fd);
			return higher;
		}
	}
	return fd;
}

static bool start_file(void)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	struct survey_header head = {.magic = "LPSURVEY",
				     .version = SURVEY_VERSION,
				     .pid = (uint32_t)getpid(),
				     .area_size = area_bytes(),
				     .functions = survey.functions,
				     .loops = survey.loops,
				     .edges = survey.edges};
	const char *folder = getenv("LP_TRACE_DIR");
	size_t length = 0;
	struct stat found;

	if (!folder || !*folder)
		folder = LP_TRACE_DIR_DEFAULT;
	if (folder[0] != '/' && getcwd(survey.path, PATH_MAX - 1)) {
		length = strlen(survey.path);
		survey.path[length++] = '/';
	}
	length += (size_t)snprintf(survey.path + length, PATH_MAX - length, "%s", folder);
	if (length >= PATH_MAX) {
		errno = ENAMETOOLONG;
		return false;
	}
	if (mkdir(survey.path, 0777) < 0 && errno != EEXIST)
		return false;
	for (int serial = 0; survey.fd < 0; serial++) {
		snprintf(survey.path + length, 64, "/survey.%d.%d.lps", (int)getpid(), serial);
		survey.fd = open(survey.path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
		if (survey.fd < 0 && errno != EEXIST)
			return false;
	}
	survey.fd = moved_up(survey.fd);
	if (lseek(survey.fd, sizeof(head), SEEK_SET) < 0 ||
	    write_tables(survey.fd, &head.tables_size) < 0)
		return false;
	head.area_offset = (sizeof(head) + head.tables_size + page - 1) / page * page;
	if (pwrite(survey.fd, &head, sizeof(head), 0) != sizeof(head) ||
	    fstat(survey.fd, &found) < 0)
		return false;
	survey.device = found.st_dev;
	survey.inode = found.st_ino;
	survey.header = mmap(NULL, sizeof(head), PROT_READ | PROT_WRITE, MAP_SHARED, survey.fd, 0);
	return survey.header != MAP_FAILED;
}

/* -- threads ------------------------------------------------------------------------------ */

static struct thread *new_thread(void)
{
	size_t bytes = sizeof(struct thread) + survey.functions * sizeof(uint32_t);
	struct thread *thread = map_memory(bytes);

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
	if (thread->counts) {
		munmap(thread->counts, survey.header->area_size);
		pthread_mutex_lock(&survey.lock);
		survey.left[survey.left_count++] = (uint32_t)thread->area;
		pthread_mutex_unlock(&survey.lock);
	}
	munmap(thread, thread->bytes);
}

/* The processor's clock less what this thread has waited. */
static uint64_t own_clock(const struct thread *thread)
{
	return __rdtsc() - thread->waited;
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

void lp_survey_note(enum lp_survey_event event)
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
}

static void after_fork_parent(void)
{
	pthread_mutex_unlock(&survey.lock);
}

/* A child counts in an area of its own; those that threads left are its parent's. */
static void after_fork_child(void)
{
	survey.left_count = 0;
	if (self)
		self->counts = NULL;
	pthread_mutex_unlock(&survey.lock);
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
	survey.left = map_memory(MAX_AREAS * sizeof(*survey.left));
	if (!survey.left || pthread_key_create(&survey.key, end_thread) || !start_file()) {
		give_up("cannot write to");
		return;
	}
	pthread_atfork(before_fork, after_fork_parent, after_fork_child);
	survey.ready = true;
}
