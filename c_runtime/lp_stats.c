// SPDX-License-Identifier: GPL-2.0
/*
 * LP_STATS: what happened, as one JSON object, at the end of the process.
 *
 * The writer runs in signal handlers too: no allocation, no locks, no stdio.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lp_parameters.h"
#include "lp_runtime.h"

static struct {
	char target[PATH_MAX]; /* absolute, or "-"; empty: nobody asked */
	const char *elite;     /* "off" or "inprocess" */
	pid_t pid;	       /* of the process that was started so */
	uint64_t text_bytes;
	int written;
} stats;

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

/* The file of this process: %p stands for its number; a forked child's is set apart in any case. */
static void file_name(char *name)
{
	bool by_pid = false;
	size_t used = 0;

	for (const char *from = stats.target; *from; from++) {
		if (from[0] == '%' && from[1] == 'p') {
			append_pid(name, &used);
			by_pid = true;
			from++;
		} else {
			append(name, &used, from, 1);
		}
	}
	if (!by_pid && getpid() != stats.pid) {
		append(name, &used, ".", 1);
		append_pid(name, &used);
	}
}

static void complain(const char *name, int error)
{
	struct lp_text text;

	lp_text_init(&text, STDERR_FILENO);
	lp_text_put(&text, "lakeplacid: cannot write statistics to ");
	lp_text_put(&text, name);
	lp_text_put(&text, ": ");
	lp_text_put(&text, strerrordesc_np(error));
	lp_text_put(&text, "\n  remedy: name a file that can be written in LP_STATS, or -\n");
	lp_text_flush(&text);
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

/* Instances of a site (it was inlined, or its loop unrolled) count together. */
static uint64_t hits_by_name(const struct lp_site *first)
{
	uint64_t sum = 0;

	for (const struct lp_site *site = first; site < __stop_lp_sites; site++)
		if (hits(site) && !strcmp(site->name, first->name))
			sum += hits(site);
	return sum;
}

static bool is_first_of_name(const struct lp_site *site)
{
	for (const struct lp_site *other = __start_lp_sites; other < site; other++)
		if (hits(other) && !strcmp(other->name, site->name))
			return false;
	return true;
}

static void put_deopts(struct lp_text *text)
{
	const char *separator = "";
	uint64_t total = 0;

	for (const struct lp_site *site = __start_lp_sites; site < __stop_lp_sites; site++)
		total += hits(site);
	put_field(text, "  \"deopts\": {\"total\": ", total);
	lp_text_put(text, ", \"sites\": [");
	for (const struct lp_site *site = __start_lp_sites; site < __stop_lp_sites; site++) {
		if (!hits(site) || !is_first_of_name(site))
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

static void put_slots(struct lp_text *text, uint64_t in_use)
{
	put_field(text, "  \"slots\": {\"count\": ", LP_STACK_COUNT);
	put_field(text, ", \"size\": ", lp_slots.stack);
	put_field(text, ", \"in_use\": ", in_use);
	put_field(text, ", \"high_water\": ", lp_slot_counts.high_water);
	put_field(text, ", \"waits\": ", lp_slot_counts.waits);
	put_field(text, ", \"kept\": ", lp_slot_counts.kept);
	put_field(text, ", \"nested\": ", lp_slot_counts.nested);
	put_field(text, ", \"own_stack\": ", lp_slot_counts.own_stack);
	lp_text_put(text, "},\n");
}

static void put_ring(struct lp_text *text)
{
	put_field(text, "  \"ring\": {\"size\": ", LP_RING_SIZE);
#if LP_QUEUE
	put_field(text, ", \"depth_max\": ", lp_ring_counts.depth_max);
	put_field(text, ", \"waits\": ", lp_ring_counts.waits);
	put_field(text, ", \"queued\": ", lp_ring_counts.queued);
#else
	lp_text_put(text, ", \"depth_max\": 0, \"waits\": 0, \"queued\": 0");
#endif
	lp_text_put(text, "},\n");
}

static void put_all(struct lp_text *text)
{
	uint64_t requests = 0, others = 0, in_use = 0;

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
		if (slot->deopted_request != slot->requests)
			others++;
	}
	lp_text_put(text, "{\n  \"elite\": ");
	lp_text_put_json(text, stats.elite);
	lp_text_put(text, ",\n  \"mode\": \"" LP_MODE "\",\n");
	put_field(text, "  \"pid\": ", getpid());
	put_field(text, ",\n  \"requests\": ", requests);
	put_field(text, ",\n  \"finished_in_elite\": ", requests - others);
	lp_text_put(text, ",\n");
	put_deopts(text);
	put_field(text, "  \"entries\": ", lp_entry_count);
	lp_text_put(text, ",\n");
	put_slots(text, in_use);
	put_ring(text);
	put_field(text, "  \"elite_text_bytes\": ", __stop_lp_elite_text - __start_lp_elite_text);
	put_field(text, ",\n  \"text_bytes\": ", stats.text_bytes);
	lp_text_put(text, "\n}\n");
	lp_text_flush(text);
}

void lp_stats_write(void)
{
	bool to_stdout = !strcmp(stats.target, "-");
	int fd = STDOUT_FILENO;
	struct lp_text text;
	char name[PATH_MAX];

	if (!stats.target[0] || __atomic_exchange_n(&stats.written, 1, __ATOMIC_SEQ_CST))
		return;
	if (to_stdout) {
		strcpy(name, "standard output");
	} else {
		file_name(name);
		fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
		if (fd < 0) {
			complain(name, errno);
			return;
		}
	}
	lp_text_init(&text, fd);
	put_all(&text);
	if (text.error)
		complain(name, text.error);
	if (!to_stdout)
		close(fd);
}

/* -- the end ----------------------------------------------------------------------------------- */

static void ending(int signal)
{
	int saved_errno = errno;

	lp_stats_write();
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

void lp_stats_init(const char *target, const char *elite)
{
	size_t used = 0;

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
	stats.elite = elite;
	stats.pid = getpid();
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
	lp_stats_write();
}

void lp_stats_forked(void)
{
	for (struct lp_site *site = __start_lp_sites; site < __stop_lp_sites; site++)
		site->hits = 0;
	lp_entry_count = 0;
	stats.written = 0;
}
