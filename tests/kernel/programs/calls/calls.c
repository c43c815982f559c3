// SPDX-License-Identifier: GPL-2.0-only
/*
 * Makes library calls with operands that a number stands for, and prints a digest of what came of
 * them: results, errno, and all memory that they may have changed. Each line of standard input
 * says which kind, how many times, and with which numbers: `m 100 7`.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { PAGE = 4096, ARENA = 16 * PAGE, BLOCKS = 64 };

static char *arena;
static void *volatile bad = (void *)8;
static uint64_t state;
static pthread_mutex_t mutexes[3];
static pthread_spinlock_t spin;
static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
static pid_t own_pid;
static char *blocks[BLOCKS];
static size_t sizes[BLOCKS];
static int file, pipe_ends[2], sockets[2], events;

static uint64_t any(void)
{
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return state * 0x2545f4914f6cdd1dULL;
}

static uint64_t below(uint64_t limit)
{
	return (any() >> 20) % limit;
}

static uint64_t digest(uint64_t so_far, uint64_t value)
{
	return (so_far ^ value) * 0x100000001b3u;
}

static uint64_t digest_of(uint64_t so_far, const char *at, size_t size)
{
	for (size_t i = 0; i < size; i++)
		so_far = digest(so_far, (unsigned char)at[i]);
	return so_far;
}

/* All that is promised of a comparison: the library chooses its variant by the processor. */
static uint64_t sign(int value)
{
	return (uint64_t)((value > 0) - (value < 0));
}

static size_t some_size(void)
{
	switch (below(4)) {
	case 0:
		return below(20);
	case 1:
		return below(300);
	case 2:
		return below(3000);
	}
	return below(3 * PAGE);
}

static uint64_t place_of(const void *pointer)
{
	return pointer ? (uint64_t)((const char *)pointer - arena) : 1;
}

/* Pages that have not been touched, or were given back: the call has to wait for them. */
static void forget_some(void)
{
	size_t page = below(ARENA / PAGE);

	madvise(arena + page * PAGE, PAGE, MADV_DONTNEED);
}

static uint64_t do_memory(void)
{
	size_t size = some_size(), to = below(ARENA - size), from = below(ARENA - size);
	uint64_t result = 0;
	int byte = (int)below(256);

	switch (below(8)) {
	case 0:
		result = place_of(memcpy(arena + to, arena + from, size));
		break;
	case 1:
		result = place_of(memmove(arena + to, arena + from, size));
		break;
	case 2:
		result = place_of(memset(arena + to, byte, size));
		break;
	case 3:
		result = place_of(mempcpy(arena + to, arena + from, size));
		break;
	case 4:
		result = sign(memcmp(arena + to, arena + from, size));
		break;
	case 5:
		result = place_of(memchr(arena + from, byte, size));
		break;
	case 6:
		result = place_of(memrchr(arena + from, byte, size));
		break;
	case 7:
		for (size_t i = 0; i < size; i++)
			arena[to + i] = (char)any();
		break;
	}
	return digest_of(result, arena + to, size);
}

/* Two strings of few letters, of which the second is often the first. */
static void make_strings(char **a, char **b)
{
	size_t length = some_size();

	*a = arena + below(ARENA / 2 - length - 1);
	*b = arena + ARENA / 2 + below(ARENA / 2 - length - 1);
	for (size_t i = 0; i < length; i++)
		(*b)[i] = (*a)[i] = "abAB"[below(4)];
	(*b)[length] = (*a)[length] = 0;
	if (length && below(2))
		(*b)[below(length)] ^= 32;
}

static uint64_t do_strings(void)
{
	char *a, *b;
	size_t most = some_size();
	int byte = "abABx"[below(5)];

	make_strings(&a, &b);
	switch (below(16)) {
	case 0:
		return strlen(a);
	case 1:
		return strnlen(a, most);
	case 2:
		return sign(strcmp(a, b));
	case 3:
		return sign(strncmp(a, b, most));
	case 4:
		return sign(strcasecmp(a, b));
	case 5:
		return sign(strncasecmp(a, b, most));
	case 6:
		return place_of(strchr(a, byte));
	case 7:
		return place_of(strrchr(a, byte));
	case 8:
		return place_of(strstr(a, "ABBA"));
	case 9:
		return digest_of(place_of(strcpy(b, a)), b, strlen(b));
	case 10:
		most %= PAGE;
		return digest_of(place_of(strncpy(arena + ARENA - PAGE, a, most)),
				 arena + ARENA - PAGE, most);
	case 11:
		b[below(4)] = 0;
		return digest_of(place_of(strcat(b, a)), b, strlen(b));
	case 12:
		return strspn(a, "aB");
	case 13:
		return strcspn(a, "x");
	case 14:
		return digest_of(place_of(stpcpy(b, a)), b, strlen(b));
	}
	return digest(place_of(strchrnul(a, byte)), (uint64_t)(tolower(byte) + toupper(byte)));
}

static uint64_t do_numbers(void)
{
	static const char letters[] = " -+0x19fzZ";
	char *text = arena + PAGE - 6, *end = NULL;
	int base = (int[]){0, 10, 16, 36, 8}[below(5)];
	uint64_t result;

	for (size_t i = 0; i < 11; i++)
		text[i] = letters[below(sizeof(letters) - 1)];
	text[11] = 0;
	errno = 0;
	if (below(2))
		result = (uint64_t)strtol(text, &end, base);
	else
		result = strtoull(text, &end, base);
	return digest(digest(result, (uint64_t)(end - text)), (uint64_t)errno);
}

static uint64_t do_locks(void)
{
	pthread_mutex_t *mutex = &mutexes[below(3)];
	uint64_t result = 0;

	result = digest(result, (uint64_t)pthread_mutex_lock(mutex));
	result = digest(result, (uint64_t)pthread_mutex_trylock(mutex));
	result = digest(result, mutex->__data.__count);
	result = digest(result, (uint64_t)pthread_mutex_unlock(mutex));
	if (mutex->__data.__count)
		result = digest(result, (uint64_t)pthread_mutex_unlock(mutex));
	result = digest_of(result, (const char *)mutex, sizeof(*mutex));
	result = digest(result, (uint64_t)pthread_spin_lock(&spin));
	result = digest(result, (uint64_t)pthread_spin_trylock(&spin));
	result = digest(result, (uint64_t)pthread_spin_unlock(&spin));
	result = digest(result, (uint64_t)pthread_rwlock_rdlock(&rwlock));
	result = digest(result, (uint64_t)pthread_rwlock_tryrdlock(&rwlock));
	result = digest(result, (uint64_t)pthread_rwlock_trywrlock(&rwlock));
	result = digest(result, (uint64_t)pthread_rwlock_unlock(&rwlock));
	result = digest(result, (uint64_t)pthread_rwlock_unlock(&rwlock));
	result = digest(result, (uint64_t)pthread_rwlock_wrlock(&rwlock));
	result = digest(result, (uint64_t)pthread_rwlock_tryrdlock(&rwlock));
	result = digest(result, (uint64_t)pthread_rwlock_unlock(&rwlock));
	return digest(result, (uint64_t)spin + (pthread_self() != 0));
}

/* The allocator gives blocks where it likes: what counts is what they hold. */
static uint64_t do_heap(void)
{
	size_t i = below(BLOCKS), size = some_size() + 1, kept = sizes[i] < size ? sizes[i] : size;
	uint64_t result = digest_of(0, blocks[i], sizes[i]);

	switch (below(3)) {
	case 0:
		blocks[i] = realloc(blocks[i], size);
		result = digest_of(result, blocks[i], kept);
		break;
	case 1:
		free(blocks[i]);
		blocks[i] = calloc(1, size);
		result = digest_of(result, blocks[i], size);
		break;
	case 2:
		free(blocks[i]);
		blocks[i] = malloc(size);
		break;
	}
	sizes[i] = size;
	memset(blocks[i], (int)i, size);
	return result;
}

static uint64_t do_files(void)
{
	size_t size = below(2000) + 1, at = below(ARENA - 4096);
	struct iovec parts[2] = {{arena + at, size / 2}, {arena + at + 3000, size / 3}};
	struct stat what;
	uint64_t result = 0;
	int number = 0;

	switch (below(10)) {
	case 0:
		result = (uint64_t)pwrite(file, arena + at, size, (off_t)below(9000));
		break;
	case 1:
		result = (uint64_t)pread(file, arena + at, size, (off_t)below(9000));
		break;
	case 2:
		result = (uint64_t)write(pipe_ends[1], arena + at, size);
		result = digest(result, (uint64_t)ioctl(pipe_ends[0], FIONREAD, &number));
		result = digest(result, (uint64_t)number);
		result = digest(result, (uint64_t)read(pipe_ends[0], arena + at + 2000, size));
		break;
	case 3:
		result = (uint64_t)writev(pipe_ends[1], parts, 2);
		parts[0].iov_len = 10;
		result = digest(result, (uint64_t)readv(pipe_ends[0], parts, 2));
		while (read(pipe_ends[0], arena + at, size) > 0)
			continue;
		break;
	case 4:
		result = (uint64_t)fstat(file, &what);
		result = digest(result, (uint64_t)what.st_size);
		break;
	case 5:
		result = (uint64_t)fcntl(pipe_ends[0], F_GETFL);
		break;
	case 6: /* what fails */
		errno = 0;
		result = (uint64_t)read(-1, arena + at, size);
		result = digest(result, (uint64_t)errno);
		result = digest(result, (uint64_t)write(file, bad, size));
		result = digest(result, (uint64_t)errno);
		break;
	case 7:
		result = (uint64_t)close(fcntl(file, F_DUPFD_CLOEXEC, 50));
		break;
	case 8:
		number = open("/etc/passwd", O_RDONLY | O_CLOEXEC);
		result = digest((uint64_t)number, (uint64_t)read(number, arena + at, size));
		result = digest(result, (uint64_t)close(number));
		break;
	case 9:
		result = (uint64_t)stat("/etc/passwd", &what);
		result = digest(result, (uint64_t)what.st_size);
		errno = 0;
		result = digest(result, (uint64_t)open("/etc/no-such-file", O_RDWR));
		result = digest(result, (uint64_t)errno);
		break;
	}
	return digest_of(result, arena + at, 4096);
}

static uint64_t do_sockets(void)
{
	size_t size = below(900) + 1, at = below(ARENA - 4096);
	struct iovec part = {arena + at, size}, into = {arena + at + 1000, 1000};
	struct mmsghdr out = {.msg_hdr = {.msg_iov = &part, .msg_iovlen = 1}};
	struct mmsghdr in = {.msg_hdr = {.msg_iov = &into, .msg_iovlen = 1}};
	struct epoll_event event = {0};
	struct pollfd polled = {.fd = sockets[1], .events = POLLIN};
	uint64_t result = 0;
	int option = 0;
	socklen_t length = sizeof(option);

	switch (below(4)) {
	case 0:
		result = (uint64_t)send(sockets[0], arena + at, size, 0);
		break;
	case 1:
		result = (uint64_t)sendto(sockets[0], arena + at, size, MSG_NOSIGNAL, NULL, 0);
		break;
	case 2:
		result = (uint64_t)sendmsg(sockets[0], &out.msg_hdr, 0);
		break;
	case 3:
		result = (uint64_t)sendmmsg(sockets[0], &out, 1, 0);
		break;
	}
	result = digest(result, (uint64_t)epoll_wait(events, &event, 1, 1000));
	result = digest(result, event.data.u64);
	result = digest(result, (uint64_t)poll(&polled, 1, 1000));
	result = digest(result, (uint64_t)polled.revents);
	switch (below(4)) {
	case 0:
		result = digest(result, (uint64_t)recv(sockets[1], arena + at + 1000, 1000, 0));
		break;
	case 1:
		result = digest(
		    result, (uint64_t)recvfrom(sockets[1], arena + at + 1000, 1000, 0, NULL, NULL));
		break;
	case 2:
		result = digest(result, (uint64_t)recvmsg(sockets[1], &in.msg_hdr, 0));
		break;
	case 3:
		result = digest(result, (uint64_t)recvmmsg(sockets[1], &in, 1, 0, NULL));
		break;
	}
	errno = 0;
	result = digest(result, (uint64_t)recv(sockets[1], arena, 9, MSG_DONTWAIT));
	result = digest(result, (uint64_t)errno);
	result =
	    digest(result, (uint64_t)getsockopt(sockets[0], SOL_SOCKET, SO_TYPE, &option, &length));
	return digest_of(digest(result, (uint64_t)option), arena + at, 4096);
}

static uint64_t do_text(void)
{
	char *text = arena + PAGE - below(40), *rest, *token, *copy;
	size_t room = below(60);
	unsigned char address[16];
	long value = (long)(any() >> below(64));
	time_t when = (time_t)below(1u << 31);
	uint64_t result = 0;
	struct tm parts;

	for (int i = 0; i < 16; i++)
		address[i] = (unsigned char)(below(2) * below(256));
	switch (below(8)) {
	case 0:
		result =
		    (uint64_t)snprintf(text, room, "%-8ld|%s|%#06x", value, "word", (int)value);
		return digest_of(result, text, room);
	case 1:
		result = (uint64_t)sprintf(text, "%.*s %c%u%%", (int)below(9), "characters", 'x',
					   (unsigned int)value);
		return digest_of(result, text, strlen(text));
	case 2:
		inet_ntop(AF_INET, address, text, 60);
		copy = strdup(text);
		result = digest_of((uint64_t)inet_addr(copy), copy, strlen(copy));
		free(copy);
		return result;
	case 3:
		inet_ntop(AF_INET6, address, text, 60);
		result = (uint64_t)inet_pton(AF_INET6, text, text + 100);
		return digest_of(digest_of(result, text + 100, 16), text, strlen(text));
	case 4:
		gmtime_r(&when, &parts);
		return digest(digest_of(result, (char *)&parts, 9 * sizeof(int)),
			      (uint64_t)(int64_t)difftime(when, value >> 20));
	case 5:
		strcpy(text, "some, words;and , more");
		for (token = strtok_r(text, " ,", &rest); token;
		     token = strtok_r(NULL, ";,", &rest))
			result = digest_of(result, token, strlen(token));
		return result;
	case 6:
		sprintf(text, "%d", (int)value);
		strncat(text, "9zz", below(4));
		return digest((uint64_t)atoi(text), (uint64_t)(strpbrk(text, "z") != NULL));
	}
	result = digest((uint64_t)(getpid() == own_pid), (uint64_t)getrandom(address, 9, 0));
	result = digest(result, (uint64_t)select(0, NULL, NULL, NULL, &(struct timeval){0, 0}));
	return digest(result, (uint64_t)(isalpha((int)below(256)) != 0));
}

static int64_t nanoseconds(const struct timespec *time)
{
	return time->tv_sec * 1000000000 + time->tv_nsec;
}

/* Clocks don't go back, whoever reads them. */
static uint64_t do_clocks(int64_t *last)
{
	struct timespec now;
	struct timeval also;
	int64_t before = *last;
	time_t seconds;

	clock_gettime(CLOCK_MONOTONIC, &now);
	*last = nanoseconds(&now);
	seconds = time(NULL);
	gettimeofday(&also, NULL);
	return (uint64_t)(before <= *last) + 2 * (uint64_t)(seconds <= also.tv_sec);
}

__attribute__((noinline)) uint64_t handle(char what, uint64_t seed)
{
	static int64_t last;

	state = seed * 0x9e3779b97f4a7c15u + 1;
	switch (what) {
	case 'm':
		return do_memory();
	case 's':
		return do_strings();
	case 'n':
		return do_numbers();
	case 'l':
		return do_locks();
	case 'h':
		return do_heap();
	case 'f':
		return do_files();
	case 'o':
		return do_sockets();
	case 'c':
		return do_clocks(&last);
	case 't':
		return do_text();
	}
	return 0;
}

static void set_up(void)
{
	static const int kinds[] = {PTHREAD_MUTEX_ERRORCHECK, PTHREAD_MUTEX_RECURSIVE,
				    PTHREAD_MUTEX_ADAPTIVE_NP};
	struct epoll_event event = {.events = EPOLLIN, .data.u64 = 77};
	pthread_mutexattr_t attributes;

	arena = mmap(NULL, ARENA, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	for (int i = 0; i < 3; i++) {
		pthread_mutexattr_init(&attributes);
		pthread_mutexattr_settype(&attributes, kinds[i]);
		pthread_mutex_init(&mutexes[i], &attributes);
	}
	pthread_spin_init(&spin, 0);
	own_pid = getpid();
	file = memfd_create("calls", MFD_CLOEXEC);
	events = epoll_create1(EPOLL_CLOEXEC);
	if (arena == MAP_FAILED || file < 0 || pipe2(pipe_ends, O_NONBLOCK) ||
	    socketpair(AF_UNIX, SOCK_DGRAM, 0, sockets) ||
	    epoll_ctl(events, EPOLL_CTL_ADD, sockets[1], &event))
		abort();
}

static void *sleep_for_good(void *nothing)
{
	for (;;)
		pause();
	return nothing;
}

int main(void)
{
	unsigned long count, first;
	char line[128], what;
	pthread_t idle;

	set_up();
	/* A thread without requests is cancelled, which lp.toml says does not concern others. */
	if (pthread_create(&idle, NULL, sleep_for_good, NULL) || pthread_cancel(idle) ||
	    pthread_join(idle, NULL))
		abort();
	while (fgets(line, sizeof(line), stdin)) {
		uint64_t sum = 0;

		if (sscanf(line, "%c %lu %lu", &what, &count, &first) != 3)
			continue;
		for (unsigned long i = 0; i < count; i++) {
			if (i % 8 == 0)
				forget_some();
			sum = digest(sum, handle(what, first + i));
		}
		printf("%c %lu %lu: %016lx\n", what, count, first, (unsigned long)sum);
	}
	return 0;
}
