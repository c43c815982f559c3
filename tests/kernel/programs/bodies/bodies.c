// SPDX-License-Identifier: GPL-2.0-only
/*
 * Handles requests wherever it is told to on standard input: in threads, in children that it forks,
 * as somebody else, in a program that it becomes, with its memory taken away meanwhile. Says what
 * the requests summed up to, which does not depend on who runs when.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <glob.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

enum { THREADS_MAX = 16, CELLS = 4096, PAGES = 64, PAGE = 4096 };

struct place {
	int pipe[2];
	long cells[CELLS];
	char *pages;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static long handled; /* under the lock */
static char **arguments;
static volatile sig_atomic_t ticks;

/* Memory, a lock, and a system call or two. */
__attribute__((noinline)) long handle(struct place *place, long value)
{
	long at = value * 37 % CELLS, got = 0;

	place->cells[at] += value;
	place->pages[value % PAGES * PAGE + value % PAGE] = (char)value;
	if (write(place->pipe[1], &value, sizeof(value)) != sizeof(value))
		return -1;
	if (read(place->pipe[0], &got, sizeof(got)) != sizeof(got))
		return -1;
	pthread_mutex_lock(&lock);
	handled++;
	pthread_mutex_unlock(&lock);
	/* What was written may be gone by now: somebody takes pages away. */
	(void)*(volatile char *)&place->pages[value % PAGES * PAGE];
	return place->cells[at] + got;
}

static void set_up(struct place *place)
{
	memset(place, 0, sizeof(*place));
	place->pages =
	    mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (place->pages == MAP_FAILED || pipe(place->pipe)) {
		perror("bodies");
		exit(1);
	}
}

static long some(long count)
{
	struct place place;
	long sum = 0;

	set_up(&place);
	for (long i = 0; i < count; i++)
		sum += handle(&place, i);
	close(place.pipe[0]);
	close(place.pipe[1]);
	munmap(place.pages, PAGES * PAGE);
	return sum;
}

static void *thread(void *count)
{
	return (void *)some((long)count);
}

static long in_threads(long threads, long count)
{
	pthread_t ids[THREADS_MAX];
	long sum = 0;

	for (long i = 0; i < threads; i++)
		if (pthread_create(&ids[i], NULL, thread, (void *)count))
			return -1;
	for (long i = 0; i < threads; i++) {
		void *one = NULL;

		pthread_join(ids[i], &one);
		sum += (long)one;
	}
	return sum;
}

static long in_children(long children, long count)
{
	long sum = 0, one;
	int to_parent[2];

	if (pipe(to_parent))
		return -1;
	for (long i = 0; i < children; i++) {
		if (fork())
			continue;
		one = some(count);
		if (write(to_parent[1], &one, sizeof(one)) != sizeof(one))
			_exit(1);
		_exit(0);
	}
	for (long i = 0; i < children; i++) {
		int status;

		if (wait(&status) < 0 || status)
			return -2;
		if (read(to_parent[0], &one, sizeof(one)) != sizeof(one))
			return -3;
		sum += one;
	}
	close(to_parent[0]);
	close(to_parent[1]);
	return sum;
}

/* What the shell that it starts says: a child that never comes back here. */
static long in_shell(long number)
{
	char command[64], said[64] = "";
	FILE *stream;

	snprintf(command, sizeof(command), "expr %ld + 1", number);
	stream = popen(command, "r");
	if (!stream || !fgets(said, sizeof(said), stream))
		return -1;
	return pclose(stream) ? -2 : strtol(said, NULL, 10);
}

/* -- memory that comes and goes meanwhile ------------------------------------------------------ */

struct disturbed {
	struct place place;
	long count, sum;
	volatile int done;
};

static void *disturbed_thread(void *argument)
{
	struct disturbed *it = argument;

	for (long i = 0; i < it->count; i++)
		it->sum += handle(&it->place, i);
	it->done = 1;
	return NULL;
}

static void disturb(char *pages, long how)
{
	char *page = pages + how * 7 % PAGES * PAGE;
	void *elsewhere;

	switch (how % 6) {
	case 0:
		madvise(pages, PAGES * PAGE, MADV_DONTNEED);
		break;
	case 1:
		mprotect(page, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC);
		mprotect(page, PAGE, PROT_READ | PROT_WRITE);
		break;
	case 2:
		/* Another page in its place, all at once. */
		mmap(page, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
		     -1, 0);
		break;
	case 3:
		elsewhere =
		    mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (elsewhere != MAP_FAILED)
			mremap(elsewhere, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, page);
		break;
	case 4:
		if (fork() == 0)
			_exit(0);
		wait(NULL);
		break;
	case 5:
		madvise(pages, PAGES * PAGE, MADV_PAGEOUT);
		break;
	}
}

static long while_disturbed(long count)
{
	struct disturbed it = {0};
	pthread_t id;

	set_up(&it.place);
	it.count = count;
	if (pthread_create(&id, NULL, disturbed_thread, &it))
		return -1;
	for (long how = 0; !it.done; how++)
		disturb(it.place.pages, how);
	pthread_join(id, NULL);
	return it.sum;
}

/* -- signals ----------------------------------------------------------------------------------- */

static void on_tick(int number)
{
	(void)number;
	ticks++;
}

static long while_ticking(long count)
{
	struct sigaction action = {.sa_handler = on_tick, .sa_flags = SA_RESTART};
	struct itimerval often = {{0, 2000}, {0, 2000}}, never = {{0, 0}, {0, 0}};
	long sum;

	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &often, NULL);
	sum = some(count);
	/* However fast the machine is. */
	while (ticks < 3)
		some(count);
	setitimer(ITIMER_REAL, &never, NULL);
	return sum;
}

static long somebody_else(long count)
{
	if (setgid(65534) || setuid(65534))
		return -1;
	/* Threads and children too. */
	return some(count) + in_threads(2, count) + in_children(2, count);
}

/* How many children the process has, as `pgrep -P` finds them. */
static long children_listed(void)
{
	long count = 0;
	glob_t lists;

	if (glob("/proc/self/task/*/children", 0, NULL, &lists))
		return -1;
	for (size_t i = 0; i < lists.gl_pathc; i++) {
		FILE *list = fopen(lists.gl_pathv[i], "r");
		int child;

		while (list && fscanf(list, "%d", &child) == 1)
			count++;
		if (list)
			fclose(list);
	}
	globfree(&lists);
	return count;
}

static long childless(long threads, long count)
{
	long sum = some(count) + in_threads(threads, count);

	if (children_listed() || waitpid(-1, NULL, __WALL | WNOHANG) != -1 || errno != ECHILD)
		return -1;
	return sum;
}

/* As a daemon begins, but in the middle: our own files are among them. */
static long all_closed(long count)
{
	long sum = some(count);

	if (close_range(3, ~0U, 0))
		return -1;
	return sum + some(count);
}

/* As a daemon that gives up root goes on: the driver lets it in no more. */
static long shut_out(long count)
{
	long sum = some(count);

	if (close_range(3, ~0U, 0) || setgid(65534) || setuid(65534))
		return -1;
	return sum + some(count);
}

/* The same with a child that keeps its copies: one that no handler of fork() saw. */
static long all_but_the_childs_closed(long count)
{
	long sum = some(count);
	int status;
	pid_t child = (pid_t)syscall(SYS_fork);

	if (child == 0) {
		pause();
		_exit(1);
	}
	if (close_range(3, ~0U, 0))
		return -1;
	sum += some(count);
	kill(child, SIGKILL);
	return waitpid(child, &status, 0) == child ? sum : -2;
}

/* As the first process of a container: orphans are its own, among them the grandchild. */
static long as_reaper(long threads, long count)
{
	long sum;

	if (prctl(PR_SET_CHILD_SUBREAPER, 1))
		return -1;
	sum = some(count) + in_threads(threads, count);
	if (waitpid(-1, NULL, WNOHANG) != -1 || errno != ECHILD)
		return -2;
	if (fork() == 0)
		_exit(fork() ? 0 : 1);
	for (int i = 0, status; i < 2; i++)
		if (wait(&status) < 0)
			return -3;
	if (wait(NULL) != -1 || errno != ECHILD)
		return -4;
	return sum;
}

static void become(long count)
{
	char left[32];

	snprintf(left, sizeof(left), "%ld", count);
	execl("/proc/self/exe", arguments[0], left, (char *)NULL);
	perror("bodies: exec");
	exit(1);
}

static long act(const char *what, long many, long count)
{
	if (!strcmp(what, "here"))
		return some(count);
	if (!strcmp(what, "threads"))
		return in_threads(many, count);
	if (!strcmp(what, "children"))
		return in_children(many, count);
	if (!strcmp(what, "shell"))
		return some(count) + in_shell(many);
	if (!strcmp(what, "disturbed"))
		return while_disturbed(count);
	if (!strcmp(what, "ticking"))
		return while_ticking(count);
	if (!strcmp(what, "nobody"))
		return somebody_else(count);
	if (!strcmp(what, "childless"))
		return childless(many, count);
	if (!strcmp(what, "reaper"))
		return as_reaper(many, count);
	if (!strcmp(what, "closed"))
		return all_closed(count);
	if (!strcmp(what, "shut"))
		return shut_out(count);
	if (!strcmp(what, "childs"))
		return all_but_the_childs_closed(count);
	return -1;
}

int main(int argc, char **argv)
{
	char line[128], what[16];
	long many, count;

	arguments = argv;
	setvbuf(stdin, NULL, _IONBF, 0); /* the rest is for what it becomes */
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc > 1)
		printf("again: %ld\n", some(strtol(argv[1], NULL, 10)));
	while (fgets(line, sizeof(line), stdin)) {
		if (sscanf(line, "%15s %ld %ld", what, &many, &count) != 3)
			continue;
		if (many > THREADS_MAX)
			many = THREADS_MAX;
		if (!strcmp(what, "become"))
			become(count);
		printf("%s %ld %ld: %ld\n", what, many, count, act(what, many, count));
	}
	pthread_mutex_lock(&lock);
	printf("%s\n", handled >= 0 ? "done" : "lost");
	pthread_mutex_unlock(&lock);
	return 0;
}
