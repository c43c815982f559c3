// SPDX-License-Identifier: GPL-2.0-only WITH GCC-exception-2.0
/*
 * LP_STATS: what happened, as one JSON object, at the end of the process.
 *
 * A server that forks for each connection would leave thousands of files, and its children, which
 * gave up root, could write none. So all that are forked from the process that was started share
 * its file and its sums: each that ends adds what it counted to the sums, and writes the file anew.
 * Whoever can't write leaves it to the process that forked it, while that one lives. Only where
 * the name has %p does each process write for itself.
 *
 * The writer runs in signal handlers too: no allocation, no stdio, and no locks within a process.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lp_parameters.h"
#include "lp_runtime.h"

/* Of all processes that have ended; in memory that forks share, each field atomic. */
struct sums {
	uint64_t pid; /* of the process that was started */
	uint64_t processes;
	uint64_t requests;
	uint64_t finished;
	uint64_t entries;
	uint64_t in_use;
	uint64_t high_water;
	uint64_t slot_waits;
	uint64_t kept;
	uint64_t nested;
	uint64_t own_stack;
	uint64_t depth_max;
	uint64_t ring_waits;
	uint64_t queued;
	struct lp_shut_out shut_out;
	uint64_t hits[]; /* by site */
};

static struct {
	char target[PATH_MAX]; /* absolute, or "-"; empty: nobody asked */
	bool by_pid;	       /* %p is in it */
	const char *elite;     /* "off" or "inprocess" */
	pid_t pid;
	pid_t forker; /* the process that forked this one; 0: it was started */
	uint64_t text_bytes;
	int written;
	struct sums *sums;
	uint32_t *told; /* shared by forks: one message is enough */
	/* The file, opened before the program can give up its right to: while it is of this device
	 * and inode, because the program may close it. */
	int fd;
	dev_t device;
	ino_t inode;
} stats = {.fd = -1};

static const int ending_signals[] = {SIGHUP, SIGINT, SIGTERM};

/* -- the file ---------------------------------------------------------------------------------- */

static void append(char *to, size_t *used, const char *what, size_t length)
{
	for (size_t i = 0; i < length && *used < PATH_MAX - 1; i++)
		to[(*used)++] = what[i];
	to[*used] = 0;
}

static void append_pid(char *to, size_t *used)
{
	char digits[16];
	size_t at = sizeof(digits);
	pid_t pid = getpid();

	do
		digits[--at] = '0' + pid % 10;
	while (pid /= 10);
	append(to, used, digits + at, sizeof(digits) - at);
}

/* %p stands for the process's number. */
static void file_name(char *name)
{
	size_t used = 0;

	for (const char *from = stats.target; *from; from++) {
		if (from[0] == '%' && from[1] == 'p') {
			append_pid(name, &used);
			from++;
		} else {
			append(name, &used, from, 1);
		}
	}
}

static void complain(const char *name, int error)
{
	struct lp_text text;

	if (stats.told && __atomic_exchange_n(stats.told, 1, __ATOMIC_RELAXED))
		return;
	lp_text_init(&text, STDERR_FILENO);
	lp_text_put(&text, "lakeplacid: cannot write statistics to ");
	lp_text_put(&text, name);
	lp_text_put(&text, ": ");
	lp_text_put(&text, strerrordesc_np(error));
	lp_text_put(&text, "\n  remedy: name a file that can be written in LP_STATS, or -\n");
	lp_text_flush(&text);
}

/* Whether the descriptor is still the file's, and the file has its name. */
static bool own_descriptor(void)
{
	struct stat info;

	return stats.fd >= 0 && fstat(stats.fd, &info) == 0 && info.st_dev == stats.device &&
	       info.st_ino == stats.inode && info.st_nlink > 0;
}

/* Open the file, out of the way of the numbers that the program gets. Returns -1 with errno. */
static int open_file(const char *name)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOCTTY, 0666);
	struct stat info;

	if (fd < 0 || fstat(fd, &info) < 0)
		return -1;
	for (int lowest = 1000; lowest > 100; lowest /= 2) {
		int high = fcntl(fd, F_DUPFD_CLOEXEC, lowest);

		if (high < 0)
			continue;
		close(fd);
		fd = high;
		break;
	}
	stats.device = info.st_dev;
	stats.inode = info.st_ino;
	stats.fd = fd;
	return 0;
}

/* Whether another process will write the sums when it ends. */
static bool is_left_to_forker(void)
{
	return stats.forker && getppid() == stats.forker;
}

/* -- what is in it ----------------------------------------------------------------------------- */

static void put_field(struct lp_text *text, const char *name, uint64_t value)
{
	lp_text_put(text, name);
	lp_text_put_number(text, value);
}

static uint64_t hits(const struct lp_site *site)
{
	return __atomic_load_n(&site->hits, __ATOMIC_RELAXED);
}

static void add(uint64_t *sum, uint64_t value)
{
	__atomic_fetch_add(sum, value, __ATOMIC_RELAXED);
}

static void raise_to(uint64_t *most, uint64_t value)
{
	uint64_t before = __atomic_load_n(most, __ATOMIC_RELAXED);

	while (before < value && !__atomic_compare_exchange_n(most, &before, value, false,
							      __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		;
}

static void add_shut_out(void)
{
	uint64_t threads = __atomic_load_n(&lp_shut_out.threads, __ATOMIC_ACQUIRE);
	struct lp_shut_out *sum = &stats.sums->shut_out;

	if (threads && !__atomic_fetch_add(&sum->threads, threads, __ATOMIC_RELAXED))
		memcpy(sum->why, lp_shut_out.why, sizeof(sum->why));
}

/* Add what this process has counted. ended: the slot of a request that ends it, or NULL: it has
 * finished where it was. */
static void add_own(const struct lp_slot *ended)
{
	struct sums *sums = stats.sums;
	/* Nobody sees the end of a request without a slot. */
	uint64_t requests = lp_slot_counts.own_stack, others = requests, in_use = 0;
	uint64_t *site_hits = sums->hits;

	for (unsigned int i = 0; i < LP_STACK_COUNT; i++) {
		const struct lp_slot *slot = lp_slot_used(i);

		if (!slot)
			continue;
		requests += slot->requests;
		others += slot->deopted;
		if (!slot->caller_rsp)
			continue;
		in_use++;
		/* A request under way that has not left Elite has not finished there either. */
		if (slot != ended && slot->deopted_request != slot->requests)
			others++;
	}
	add(&sums->processes, 1);
	add(&sums->requests, requests);
	add(&sums->finished, requests - others);
	add(&sums->entries, lp_entry_count);
	add(&sums->in_use, in_use);
	raise_to(&sums->high_water, lp_slot_counts.high_water);
	add(&sums->slot_waits, lp_slot_counts.waits);
	raise_to(&sums->kept, lp_slot_counts.kept);
	add(&sums->nested, lp_slot_counts.nested);
	add(&sums->own_stack, lp_slot_counts.own_stack);
#if LP_QUEUE
	raise_to(&sums->depth_max, lp_ring_counts.depth_max);
	add(&sums->ring_waits, lp_ring_counts.waits);
	add(&sums->queued, lp_ring_counts.queued);
#endif
	add_shut_out();
	for (const struct lp_site *site = __start_lp_sites; site < __stop_lp_sites; site++)
		if (hits(site))
			add(&site_hits[site - __start_lp_sites], hits(site));
}

static uint64_t summed_hits(const struct lp_site *site)
{
	return __atomic_load_n(&stats.sums->hits[site - __start_lp_sites], __ATOMIC_RELAXED);
}

/* Instances of a site (it was inlined, or its loop unrolled) count together. */
static uint64_t hits_by_name(const struct lp_site *first)
{
	uint64_t sum = 0;

	for (const struct lp_site *site = first; site < __stop_lp_sites; site++)
		if (summed_hits(site) && !strcmp(site->name, first->name))
			sum += summed_hits(site);
	return sum;
}

static bool is_first_of_name(const struct lp_site *site)
{
	for (const struct lp_site *other = __start_lp_sites; other < site; other++)
		if (summed_hits(other) && !strcmp(other->name, site->name))
			return false;
	return true;
}

static void put_deopts(struct lp_text *text)
{
	const char *separator = "";
	uint64_t total = 0;

	for (const struct lp_site *site = __start_lp_sites; site < __stop_lp_sites; site++)
		total += summed_hits(site);
	put_field(text, "  \"deopts\": {\"total\": ", total);
	lp_text_put(text, ", \"sites\": [");
	for (const struct lp_site *site = __start_lp_sites; site < __stop_lp_sites; site++) {
		if (!summed_hits(site) || !is_first_of_name(site))
			continue;
		lp_text_put(text, separator);
		lp_text_put(text, "\n    {\"name\": ");
		lp_text_put_json(text, site->name);
		lp_text_put(text, ", \"file\": ");
		lp_text_put_json(text, site->file);
		put_field(text, ", \"line\": ", site->line);
		put_field(text, ", \"hits\": ", hits_by_name(site));
		lp_text_put(text, "}");
		separator = ",";
	}
	lp_text_put(text, "]},\n");
}

static void put_slots(struct lp_text *text)
{
	put_field(text, "  \"slots\": {\"count\": ", LP_STACK_COUNT);
	put_field(text, ", \"size\": ", lp_slots.stack);
	put_field(text, ", \"in_use\": ", stats.sums->in_use);
	put_field(text, ", \"high_water\": ", stats.sums->high_water);
	put_field(text, ", \"waits\": ", stats.sums->slot_waits);
	put_field(text, ", \"kept\": ", stats.sums->kept);
	put_field(text, ", \"nested\": ", stats.sums->nested);
	put_field(text, ", \"own_stack\": ", stats.sums->own_stack);
	lp_text_put(text, "},\n");
}

static void put_shut_out(struct lp_text *text)
{
	put_field(text, "  \"shut_out\": {\"threads\": ", stats.sums->shut_out.threads);
	lp_text_put(text, ", \"why\": ");
	lp_text_put_json(text, stats.sums->shut_out.why);
	lp_text_put(text, "},\n");
}

static void put_ring(struct lp_text *text)
{
	put_field(text, "  \"ring\": {\"size\": ", LP_RING_SIZE);
	put_field(text, ", \"depth_max\": ", stats.sums->depth_max);
	put_field(text, ", \"waits\": ", stats.sums->ring_waits);
	put_field(text, ", \"queued\": ", stats.sums->queued);
	lp_text_put(text, "},\n");
}

static void put_all(struct lp_text *text)
{
	lp_text_put(text, "{\n  \"elite\": ");
	lp_text_put_json(text, stats.elite);
	lp_text_put(text, ",\n  \"mode\": \"" LP_MODE "\",\n");
	put_field(text, "  \"pid\": ", stats.by_pid ? (uint64_t)getpid() : stats.sums->pid);
	put_field(text, ",\n  \"processes\": ", stats.sums->processes);
	put_field(text, ",\n  \"requests\": ", stats.sums->requests);
	put_field(text, ",\n  \"finished_in_elite\": ", stats.sums->finished);
	lp_text_put(text, ",\n");
	put_deopts(text);
	put_field(text, "  \"entries\": ", stats.sums->entries);
	lp_text_put(text, ",\n");
	put_slots(text);
	put_ring(text);
	put_shut_out(text);
	put_field(text, "  \"elite_text_bytes\": ", __stop_lp_elite_text - __start_lp_elite_text);
	put_field(text, ",\n  \"text_bytes\": ", stats.text_bytes);
	lp_text_put(text, "\n}\n");
	lp_text_flush(text);
}

/* Until the descriptor is unlocked, or this process has ended, no other writes. */
static void lock_file(short type)
{
	struct flock whole = {.l_type = type, .l_whence = SEEK_SET};

	while (fcntl(stats.fd, F_SETLKW, &whole) < 0 && errno == EINTR)
		;
}

static void write_file(void)
{
	struct lp_text text;
	char name[PATH_MAX];

	file_name(name);
	if (!own_descriptor() && open_file(name) < 0) {
		if (stats.by_pid || !is_left_to_forker())
			complain(name, errno);
		return;
	}
	lock_file(F_WRLCK);
	/* What is no file has neither a place nor a length. */
	if (lseek(stats.fd, 0, SEEK_SET) == 0 && ftruncate(stats.fd, 0) < 0 && errno != EINVAL)
		complain(name, errno);
	lp_text_init(&text, stats.fd);
	put_all(&text);
	lock_file(F_UNLCK);
	if (text.error)
		complain(name, text.error);
}

/* Once; async-signal-safe. ended: as add_own has it. */
static void write_stats(const struct lp_slot *ended)
{
	struct lp_text text;

	/* A child that is not known as one may have its parent's memory (vfork). */
	if (!stats.target[0] || stats.pid != getpid() ||
	    __atomic_exchange_n(&stats.written, 1, __ATOMIC_SEQ_CST))
		return;
	add_own(ended);
	if (strcmp(stats.target, "-")) {
		write_file();
	} else if (!is_left_to_forker()) {
		lp_text_init(&text, STDOUT_FILENO);
		put_all(&text);
		if (text.error)
			complain("standard output", text.error);
	}
}

/* -- the end ----------------------------------------------------------------------------------- */

/* The slot of the request that runs here, or NULL. */
static __attribute__((noinline)) const struct lp_slot *slot_here(void)
{
	return lp_slot_at((uintptr_t)__builtin_frame_address(0));
}

static void ending(int signal)
{
	int saved_errno = errno;

	write_stats(NULL);
	errno = saved_errno;
	/* SA_RESETHAND made the disposition the default again: once we return, this ends us. */
	raise(signal);
}

static int add_text(struct dl_phdr_info *info, size_t size, void *sum)
{
	(void)size;
	for (int i = 0; i < info->dlpi_phnum; i++)
		if (info->dlpi_phdr[i].p_type == PT_LOAD && info->dlpi_phdr[i].p_flags & PF_X)
			*(uint64_t *)sum += info->dlpi_phdr[i].p_memsz;
	return 1; /* the program itself comes first; no other */
}

/* Zeros, or NULL; sharing: MAP_SHARED if forks are to see each other's. */
static void *map_memory(size_t bytes, int sharing)
{
	void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, sharing | MAP_ANONYMOUS, -1, 0);

	return memory == MAP_FAILED ? NULL : memory;
}

void lp_stats_init(const char *target, const char *elite)
{
	size_t sites = __stop_lp_sites - __start_lp_sites;
	size_t used = 0;
	int error;

	if (!target || !*target)
		return;
	/* Servers change their folder; the name means the one where they were started. */
	if (target[0] != '/' && strcmp(target, "-")) {
		if (!getcwd(stats.target, sizeof(stats.target)))
			lp_refuse("give LP_STATS an absolute name", "no current folder: %m");
		used = strlen(stats.target);
		append(stats.target, &used, "/", 1);
	}
	append(stats.target, &used, target, strlen(target));
	stats.by_pid = strstr(stats.target, "%p");
	stats.elite = elite;
	stats.pid = getpid();
	stats.told = map_memory(sizeof(*stats.told), MAP_SHARED);
	stats.sums = map_memory(sizeof(struct sums) + sites * sizeof(uint64_t),
				stats.by_pid ? MAP_PRIVATE : MAP_SHARED);
	error = pthread_atfork(NULL, NULL, lp_stats_forked);
	if (!stats.sums || error)
		lp_refuse("give the process more memory", "no memory for LP_STATS");
	stats.sums->pid = stats.pid;
	/* What an earlier run left must not be taken for this one's. */
	if (!stats.by_pid && strcmp(target, "-") &&
	    (open_file(stats.target) < 0 || (ftruncate(stats.fd, 0) < 0 && errno != EINVAL)))
		complain(stats.target, errno);
	dl_iterate_phdr(add_text, &stats.text_bytes);
	for (size_t i = 0; i < sizeof(ending_signals) / sizeof(ending_signals[0]); i++) {
		struct sigaction action;

		if (sigaction(ending_signals[i], NULL, &action) || action.sa_handler != SIG_DFL)
			continue;
		action = (struct sigaction){.sa_handler = ending, .sa_flags = SA_RESETHAND};
		sigaction(ending_signals[i], &action, NULL);
	}
}

void lp_stats_finish(void)
{
	/* What the program printed comes first. */
	if (!strcmp(stats.target, "-"))
		fflush(stdout);
	write_stats(slot_here());
}

void lp_stats_forked(void)
{
	for (struct lp_site *site = __start_lp_sites; site < __stop_lp_sites; site++)
		site->hits = 0;
	lp_entry_count = 0;
	stats.written = 0;
	if (stats.pid != getpid()) {
		stats.forker = stats.pid;
		stats.pid = getpid();
	}
	/* Each its own file: what is its parent's stays there. */
	if (stats.by_pid)
		stats.fd = -1;
}

/* The children of servers that fork for each connection often end so. Weak: a program's own goes
 * before. */
_Noreturn void _exit(int status) __attribute__((weak));
_Noreturn void _Exit(int status) __attribute__((weak));

void _exit(int status)
{
	write_stats(slot_here());
	for (;;)
		syscall(SYS_exit_group, status);
}

void _Exit(int status)
{
	_exit(status);
}
