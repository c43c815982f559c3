// SPDX-License-Identifier: GPL-2.0
/*
 * The scouting runtime: collects the path of each request (thesis 3.1.1).
 *
 * A path is the set of arms that a request took; requests with equal paths are one class, counted
 * in place in a trace file that is mapped shared. So loops do not multiply classes, a million
 * requests take kilobytes, and a process that is killed loses only the request under way.
 *
 * Trace file, all integers little-endian:
 *   struct trace_header, tables (JSON, header.tables_size bytes), padding to 8,
 *   then records up to header.used, each padded to 8 (struct record and what follows it).
 *
 * Nothing here calls malloc: the allocator may itself be scouted.
 */
#include "lp_scout.h"
#include "lp_scout_symbols.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef LP_TRACE_DIR_DEFAULT
#define LP_TRACE_DIR_DEFAULT ".lp/traces"
#endif

enum { TRACE_VERSION = 1, RECORD_CLASS = 1, RECORD_TARGET = 2 };
enum { KIND_REQUEST, KIND_ITERATION, KIND_COUNT };
enum { MAX_ARMS = 1 << 20, WINDOW = 1 << 30, CHUNK = 1 << 20, NAME_MAX_BYTES = 512 };
enum { SEEN_TARGETS = 256 }; /* a power of two */
enum { WIPED, ALIVE, MENDING };
enum failure { NO_START, NO_MEMORY, NO_FILE, NO_SPACE, FAILURES };

struct trace_header {
	char magic[8]; /* "LPTRACE1" */
	uint32_t version;
	uint32_t pid;
	uint64_t tables_size;
	uint64_t used; /* bytes of the file that hold whole records; grows last */
	uint32_t arms;
	uint32_t icalls;
};

struct record {
	uint32_t type;
	uint32_t size;	   /* bytes, this header included, padding not */
	uint64_t count;	   /* atomic, relaxed: how often seen */
	uint32_t kind;	   /* of a class; for a target, its indirect call */
	uint32_t length;   /* arms that follow; for a target, bytes of its name */
	uint32_t checksum; /* FNV-1a over what follows */
	uint32_t head;	   /* FNV-1a over type, size, kind and length; never zero */
};

/* One path being collected. */
struct path {
	unsigned char *map;
	uint32_t *touched;
	uint32_t count;
	bool active;
	const void *token; /* of whoever began it */
	const char *frame; /* the stack pointer of whoever began it */
};

/* A target that this thread has called, and where the trace counts it. */
struct seen_target {
	const void *target;
	struct record *record;
	uint32_t icall;
	uint32_t file; /* scout.file then */
};

struct thread_state {
	struct path paths[KIND_COUNT];
	struct seen_target seen[SEEN_TARGETS]; /* by hash */
	size_t bytes;			       /* of this mapping */
};

/* Outside of requests each arm counts as logged; a thread starts so without being told. Written
 * out by the assembler: compilers take a second for a million initialisers. */
__asm__(".pushsection .rodata\n"
	".local lp_scout_outside\n"
	".type lp_scout_outside, @object\n"
	".size lp_scout_outside, 0x100000\n"
	"lp_scout_outside: .fill 0x100000, 1, 1\n"
	".popsection");
_Static_assert(MAX_ARMS == 0x100000, "lp_scout_outside has a byte for each arm");
extern const unsigned char outside[MAX_ARMS] __asm__("lp_scout_outside")
    __attribute__((visibility("hidden")));

__thread unsigned char *__lp_scout_map __attribute__((tls_model("initial-exec"))) =
    (unsigned char *)outside;
static __thread struct thread_state *state __attribute__((tls_model("initial-exec")));
/* Holds the file: a signal handler that comes here then would wait for itself. */
static __thread bool busy __attribute__((tls_model("initial-exec")));

static struct {
	pthread_mutex_t lock;
	pthread_key_t key;
	uint32_t arms;
	uint32_t icalls;
	unsigned char *alive; /* a page that a fork wipes: WIPED, ALIVE, MENDING */
	unsigned char *told;  /* by failure; a page that forks share: one message is enough */
	bool disabled;
	char folder[PATH_MAX];
	bool folder_cut_off;
	int folder_fd;
	dev_t folder_device;
	ino_t folder_inode;
	/* The open trace file. */
	int fd; /* while it is of this device and inode: the program may close it */
	dev_t device;
	ino_t inode;
	char path[PATH_MAX];
	unsigned char *window;
	uint64_t file_size;
	uint32_t file; /* which of those that this process has opened, from 1 */
	/* Offsets of records by hash: open addressing, a power of two. */
	uint32_t *index;
	uint32_t index_size;
	uint32_t index_used;
} scout = {.lock = PTHREAD_MUTEX_INITIALIZER, .folder_fd = -1, .fd = -1};

static struct trace_header *header(void)
{
	return (struct trace_header *)scout.window;
}

/* One text that is linked under two names is listed twice. */
static bool listed_before(struct __lp_scout_unit *const *unit)
{
	for (struct __lp_scout_unit *const *other = __start_lp_scout_units; other < unit; other++)
		if (*other == *unit)
			return true;
	return false;
}

static void *map_memory(size_t bytes, int sharing)
{
	void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, sharing | MAP_ANONYMOUS, -1, 0);

	return memory == MAP_FAILED ? NULL : memory;
}

static void give_up(enum failure failure, const char *what, const char *where)
{
	static const char *const remedies[FAILURES] = {
	    [NO_START] = "scout a smaller part of the program",
	    [NO_MEMORY] = "free some memory, or raise its limit (a trace maps 1 GiB)",
	    [NO_FILE] = "make it writable, or set LP_TRACE_DIR to a folder that is",
	    [NO_SPACE] = "free some space, or set LP_TRACE_DIR to a folder that has some",
	};
	int error = errno;

	if (error == ENOMEM)
		failure = NO_MEMORY;
	scout.disabled = true;
	if (scout.told && __atomic_exchange_n(&scout.told[failure], 1, __ATOMIC_RELAXED))
		return;
	fprintf(stderr,
		"lp: scouting stops in process %d, and in each that meets the same: %s %s: %s\n"
		"  remedy: %s\n",
		(int)getpid(), what, where, strerror(error), remedies[failure]);
}

static uint64_t mix(uint64_t x)
{
	x += 0x9e3779b97f4a7c15;
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
	x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
	return x ^ (x >> 31);
}

static uint32_t checksum(const void *bytes, size_t length)
{
	const unsigned char *p = bytes;
	uint32_t sum = 2166136261u;

	while (length--)
		sum = (sum ^ *p++) * 16777619u;
	return sum;
}

/* -- the file ----------------------------------------------------------------------------- */

/* The same file's descriptor, out of the way of the numbers that the program gets, as far as its
 * limits let. */
static int high_descriptor(int fd)
{
	int high = -1;

	if (fd < 0)
		return fd;
	for (int lowest = 1000; lowest > 100 && high < 0; lowest /= 2)
		high = fcntl(fd, F_DUPFD_CLOEXEC, lowest);
	if (high < 0)
		return fd;
	close(fd);
	return high;
}

/* Where traces go, from what the environment says at the start: servers change their folder, and
 * some (nginx) their environment too. */
static void choose_folder(void)
{
	const char *folder = getenv("LP_TRACE_DIR");
	size_t length = 0;

	if (!folder || !*folder)
		folder = LP_TRACE_DIR_DEFAULT;
	if (folder[0] != '/' && getcwd(scout.folder, sizeof(scout.folder) - 1)) {
		length = strlen(scout.folder);
		scout.folder[length++] = '/';
	}
	length +=
	    (size_t)snprintf(scout.folder + length, sizeof(scout.folder) - length, "%s", folder);
	scout.folder_cut_off = length >= sizeof(scout.folder);
}

/* A server that root starts may go on as a user who can't reach the folder, let alone write to it.
 * So root makes it writable for all, as /tmp is, and keeps it open. */
static void open_folder(void)
{
	struct stat found;
	int fd;

	if (geteuid() != 0 || scout.folder_cut_off)
		return;
	if (mkdir(scout.folder, 0777) == 0 && chmod(scout.folder, 01777) < 0)
		return;
	fd = high_descriptor(open(scout.folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	if (fd < 0 || fstat(fd, &found) < 0)
		return; /* said where the first trace is to be written, if there ever is one */
	scout.folder_device = found.st_dev;
	scout.folder_inode = found.st_ino;
	scout.folder_fd = fd;
}

/* The folder's descriptor; else, or if the program closed it or somebody removed the folder, what
 * makes openat() take the path. */
static int folder_fd(void)
{
	struct stat found;

	if (scout.folder_fd >= 0 && fstat(scout.folder_fd, &found) == 0 &&
	    found.st_dev == scout.folder_device && found.st_ino == scout.folder_inode &&
	    found.st_nlink > 0)
		return scout.folder_fd;
	return AT_FDCWD;
}

/* What scout.path is called as seen from the folder's descriptor. */
static const char *name_from(int at)
{
	return at == AT_FDCWD ? scout.path : strrchr(scout.path, '/') + 1;
}

static int open_trace(int flags)
{
	int at = folder_fd();

	return high_descriptor(openat(at, name_from(at), O_RDWR | O_CLOEXEC | flags, 0666));
}

static void remove_trace(void)
{
	int at = folder_fd();

	unlinkat(at, name_from(at), 0);
}

/* Whether the descriptor is still the trace's: servers close what they don't know. */
static bool own_descriptor(void)
{
	struct stat info;

	return scout.fd >= 0 && fstat(scout.fd, &info) == 0 && info.st_dev == scout.device &&
	       info.st_ino == scout.inode;
}

static int mend_descriptor(void)
{
	struct stat info;
	int fd;

	if (own_descriptor())
		return 0;
	scout.fd = -1;
	fd = open_trace(0);
	if (fd < 0)
		return -1;
	if (fstat(fd, &info) < 0 || info.st_dev != scout.device || info.st_ino != scout.inode) {
		close(fd);
		errno = ENOENT;
		return -1;
	}
	scout.fd = fd;
	return 0;
}

static int reserve(uint64_t end)
{
	uint64_t size = scout.file_size;
	struct rlimit limit;
	int error;

	if (end > WINDOW) {
		errno = EFBIG;
		return -1;
	}
	while (size < end)
		size += CHUNK;
	if (size == scout.file_size)
		return 0;
	if (mend_descriptor() < 0)
		return -1;
	/* To ask for more than the limit would be a SIGXFSZ. */
	if (getrlimit(RLIMIT_FSIZE, &limit) == 0 && size > limit.rlim_cur) {
		errno = EFBIG;
		return -1;
	}
	/* Blocks are taken now: a full disk is an error here and not a SIGBUS later. Only new
	 * ones, because where the file system can't, the C library rewrites each byte it reads. */
	do
		error = posix_fallocate(scout.fd, (off_t)scout.file_size,
					(off_t)(size - scout.file_size));
	while (error == EINTR);
	if (error) {
		errno = error;
		return -1;
	}
	scout.file_size = size;
	return 0;
}

/* Make the file; its path is left in scout.path, on failure too. */
static int open_file(void)
{
	struct stat info;
	int fd = -1;

	snprintf(scout.path, sizeof(scout.path), "%s", scout.folder);
	if (scout.folder_cut_off) {
		errno = ENAMETOOLONG;
		return -1;
	}
	if (folder_fd() == AT_FDCWD && mkdir(scout.folder, 0777) < 0 && errno != EEXIST)
		return -1;
	for (int serial = 0; fd < 0; serial++) {
		int length = snprintf(scout.path, sizeof(scout.path), "%s/trace.%d.%d.lpt",
				      scout.folder, (int)getpid(), serial);

		if (length >= (int)sizeof(scout.path)) {
			errno = ENAMETOOLONG;
			return -1;
		}
		fd = open_trace(O_CREAT | O_EXCL);
		if (fd < 0 && errno != EEXIST)
			return -1;
	}
	if (fstat(fd, &info) < 0) {
		close(fd);
		return -1;
	}
	scout.device = info.st_dev;
	scout.inode = info.st_ino;
	scout.fd = fd;
	return 0;
}

/* Copy `text` to the tables' end; the window must already reach there. */
static int put(uint64_t *end, const char *text)
{
	size_t length = strlen(text);

	if (reserve(*end + length) < 0)
		return -1;
	memcpy(scout.window + *end, text, length);
	*end += length;
	return 0;
}

static int write_tables(uint64_t *end)
{
	char head[128];
	const char *open = "[";

	for (struct __lp_scout_unit *const *unit = __start_lp_scout_units;
	     unit < __stop_lp_scout_units; unit++) {
		if (listed_before(unit))
			continue;
		snprintf(head, sizeof(head), "%s{\"base\":%u,\"icall_base\":%u,\"table\":", open,
			 (*unit)->base, (*unit)->icall_base);
		if (put(end, head) < 0 || put(end, (*unit)->table) < 0 || put(end, "}") < 0)
			return -1;
		open = ",";
	}
	return put(end, "]");
}

/* Forget the open file. Nothing is undone that is not surely this process's own. */
static void close_file(void)
{
	if (scout.window)
		munmap(scout.window, WINDOW);
	if (scout.index)
		munmap(scout.index, scout.index_size * sizeof(uint32_t));
	if (own_descriptor())
		close(scout.fd);
	scout.window = NULL;
	scout.index = NULL;
	scout.fd = -1;
}

static int start_file(void)
{
	uint64_t end = sizeof(struct trace_header);
	void *window;

	if (open_file() < 0) {
		give_up(NO_FILE, "cannot write traces to", scout.path);
		return -1;
	}
	scout.file_size = 0;
	window =
	    mmap(NULL, WINDOW, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, scout.fd, 0);
	scout.window = window == MAP_FAILED ? NULL : window;
	scout.index_size = 1024;
	scout.index_used = 0;
	scout.index = map_memory(scout.index_size * sizeof(uint32_t), MAP_PRIVATE);
	if (!scout.window || !scout.index || reserve(end) < 0 || write_tables(&end) < 0) {
		give_up(NO_SPACE, "cannot write the trace", scout.path);
		remove_trace();
		close_file();
		return -1;
	}
	*header() = (struct trace_header){.magic = "LPTRACE1",
					  .version = TRACE_VERSION,
					  .pid = (uint32_t)getpid(),
					  .tables_size = end - sizeof(struct trace_header),
					  .used = (end + 7) & ~7ull,
					  .arms = scout.arms,
					  .icalls = scout.icalls};
	scout.file++;
	return 0;
}

/* -- records ------------------------------------------------------------------------------ */

static struct record *record_at(uint32_t offset)
{
	return (struct record *)(scout.window + (uint64_t)offset * 8);
}

static uint64_t record_hash(const struct record *record)
{
	const uint32_t *arms = (const uint32_t *)(record + 1);
	uint64_t hash = mix(record->type * 8 + record->kind);

	if (record->type == RECORD_TARGET)
		return hash + mix(record->checksum);
	for (uint32_t i = 0; i < record->length; i++)
		hash += mix(arms[i] + 64);
	return hash;
}

static uint32_t *slot_for(uint64_t hash)
{
	return &scout.index[hash & (scout.index_size - 1)];
}

static uint32_t *next_slot(uint32_t *slot)
{
	slot++;
	return slot == scout.index + scout.index_size ? scout.index : slot;
}

static int grow_index(void)
{
	uint32_t *old = scout.index;
	uint32_t old_size = scout.index_size;
	uint32_t *larger = map_memory((size_t)old_size * 2 * sizeof(uint32_t), MAP_PRIVATE);

	if (!larger)
		return -1;
	scout.index = larger;
	scout.index_size = old_size * 2;
	for (uint32_t i = 0; i < old_size; i++) {
		uint32_t *slot;

		if (!old[i])
			continue;
		slot = slot_for(record_hash(record_at(old[i])));
		while (*slot)
			slot = next_slot(slot);
		*slot = old[i];
	}
	munmap(old, old_size * sizeof(uint32_t));
	return 0;
}

static uint32_t head_checksum(const struct record *record)
{
	uint32_t fields[] = {record->type, record->size, record->kind, record->length};
	uint32_t sum = checksum(fields, sizeof(fields));

	return sum ? sum : 1;
}

/* Append a record; `used` moves last, so that a reader never sees half of one. */
static struct record *append(const struct record *head, const void *rest, size_t bytes)
{
	uint64_t offset = header()->used;
	uint64_t end = offset + ((sizeof(*head) + bytes + 7) & ~7ull);
	struct record *record = record_at((uint32_t)(offset / 8));
	uint32_t *slot;

	if (reserve(end) < 0 || (scout.index_used * 2 >= scout.index_size && grow_index() < 0)) {
		give_up(NO_SPACE, "cannot extend the trace", scout.path);
		return NULL;
	}
	memcpy(record + 1, rest, bytes);
	*record = *head;
	record->checksum = checksum(rest, bytes);
	record->head = head_checksum(record);
	__atomic_store_n(&header()->used, end, __ATOMIC_RELEASE);
	slot = slot_for(record_hash(record));
	while (*slot)
		slot = next_slot(slot);
	*slot = (uint32_t)(offset / 8);
	scout.index_used++;
	return record;
}

static bool same_path(const struct record *record, const struct path *path, uint32_t kind)
{
	const uint32_t *arms = (const uint32_t *)(record + 1);

	if (record->type != RECORD_CLASS || record->kind != kind || record->length != path->count)
		return 0;
	for (uint32_t i = 0; i < record->length; i++)
		if (!path->map[arms[i]])
			return 0;
	return 1;
}

static void count_path(const struct path *path, uint32_t kind)
{
	struct record head = {.type = RECORD_CLASS,
			      .size = (uint32_t)(sizeof(head) + path->count * sizeof(uint32_t)),
			      .count = 1,
			      .kind = kind,
			      .length = path->count};
	uint64_t hash = mix(RECORD_CLASS * 8 + kind);

	for (uint32_t i = 0; i < path->count; i++)
		hash += mix(path->touched[i] + 64);
	for (uint32_t *slot = slot_for(hash); *slot; slot = next_slot(slot)) {
		struct record *record = record_at(*slot);

		if (same_path(record, path, kind)) {
			__atomic_fetch_add(&record->count, 1, __ATOMIC_RELAXED);
			return;
		}
	}
	append(&head, path->touched, path->count * sizeof(uint32_t));
}

/*
 * A fork has its own file: what it inherited belongs to its parent. One that no handler saw (a
 * system call of the program's own) may have been made while another thread held the lock, and in
 * the middle of a change: then nothing is unmapped, for it may not be what it seems.
 */
static void notice_fork(void)
{
	unsigned char seen = WIPED;

	if (__atomic_load_n(scout.alive, __ATOMIC_ACQUIRE) == ALIVE)
		return;
	if (__atomic_compare_exchange_n(scout.alive, &seen, MENDING, false, __ATOMIC_ACQ_REL,
					__ATOMIC_ACQUIRE)) {
		if (own_descriptor())
			close(scout.fd);
		scout.window = NULL;
		scout.index = NULL;
		scout.fd = -1;
		scout.file++;
		scout.lock = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
		__atomic_store_n(scout.alive, ALIVE, __ATOMIC_RELEASE);
		return;
	}
	while (__atomic_load_n(scout.alive, __ATOMIC_ACQUIRE) == MENDING)
		sched_yield();
}

static void unlock_file(void)
{
	pthread_mutex_unlock(&scout.lock);
	busy = false;
}

static bool lock_file(void)
{
	if (busy)
		return false;
	busy = true;
	notice_fork();
	pthread_mutex_lock(&scout.lock);
	if (!scout.disabled && (scout.window || start_file() == 0))
		return true;
	unlock_file();
	return false;
}

/* -- threads ------------------------------------------------------------------------------ */

static struct thread_state *own_state(void)
{
	size_t per_path = scout.arms + (size_t)scout.arms * sizeof(uint32_t) + 16;
	size_t bytes = sizeof(struct thread_state) + KIND_COUNT * per_path + 64;
	unsigned char *memory;

	if (state)
		return state;
	memory = map_memory(bytes, MAP_PRIVATE);
	if (!memory) {
		give_up(NO_START, "cannot start", "scouting of a thread");
		return NULL;
	}
	state = (struct thread_state *)memory;
	state->bytes = bytes;
	memory += sizeof(struct thread_state);
	for (int kind = 0; kind < KIND_COUNT; kind++) {
		state->paths[kind].touched = (uint32_t *)memory;
		memory += scout.arms * sizeof(uint32_t);
	}
	for (int kind = 0; kind < KIND_COUNT; kind++) {
		state->paths[kind].map = memory;
		memory += scout.arms;
	}
	pthread_setspecific(scout.key, state);
	return state;
}

static void choose_map(struct thread_state *mine)
{
	if (mine->paths[KIND_REQUEST].active)
		__lp_scout_map = mine->paths[KIND_REQUEST].map;
	else if (mine->paths[KIND_ITERATION].active)
		__lp_scout_map = mine->paths[KIND_ITERATION].map;
	else
		__lp_scout_map = (unsigned char *)outside;
}

static void commit(struct path *path, uint32_t kind)
{
	int error = errno;

	if (!path->active)
		return;
	path->active = false;
	if (lock_file()) {
		count_path(path, kind);
		unlock_file();
	}
	for (uint32_t i = 0; i < path->count; i++)
		path->map[path->touched[i]] = 0;
	path->count = 0;
	errno = error;
}

/* -- what instrumented code calls ----------------------------------------------------------- */

void __lp_scout_first(unsigned arm)
{
	struct path *path;

	if (!state)
		return;
	path = &state->paths[state->paths[KIND_REQUEST].active ? KIND_REQUEST : KIND_ITERATION];
	path->map[arm] = 1;
	path->touched[path->count++] = arm;
}

/*
 * Take over which arms this thread has reached since the last time, for whoever is active: with
 * nobody, the map is `outside`, and they are forgotten.
 */
static void gather(void)
{
	for (struct __lp_scout_unit *const *unit = __start_lp_scout_units;
	     unit < __stop_lp_scout_units; unit++) {
		unsigned char *own;

		if ((*unit)->version < 2)
			continue;
		own = (unsigned char *)(*unit)->own();
		for (unsigned line = 0; line < (*unit)->arms; line += LP_SCOUT_LINE) {
			uint64_t words[LP_SCOUT_LINE / sizeof(uint64_t)];
			uint64_t any = 0;

			memcpy(words, own + line, sizeof(words));
			for (unsigned i = 0; i < LP_SCOUT_LINE / sizeof(uint64_t); i++)
				any |= words[i];
			if (!any)
				continue;
			for (unsigned i = line; i < line + LP_SCOUT_LINE; i++)
				if (own[i] && !__lp_scout_map[(*unit)->base + i])
					__lp_scout_first((*unit)->base + i);
			memset(own + line, 0, sizeof(words));
		}
	}
}

/* The record of a target, found by its name, made if there is none; NULL if that fails. Locked. */
static struct record *target_record(unsigned icall, const void *target)
{
	char name[NAME_MAX_BYTES];
	struct record head = {.type = RECORD_TARGET, .kind = icall};

	head.length = (uint32_t)lp_scout_symbol(target, name, sizeof(name));
	head.size = (uint32_t)sizeof(head) + head.length;
	head.checksum = checksum(name, head.length);
	for (uint32_t *slot = slot_for(record_hash(&head)); *slot; slot = next_slot(slot)) {
		struct record *record = record_at(*slot);

		if (record->type == RECORD_TARGET && record->kind == icall &&
		    record->length == head.length && memcmp(record + 1, name, head.length) == 0)
			return record;
	}
	return append(&head, name, head.length);
}

void __lp_scout_target(unsigned icall, const void *target)
{
	struct seen_target *seen;
	int error = errno;

	if (!state || __lp_scout_map == outside || scout.disabled)
		return;
	notice_fork();
	seen = &state->seen[mix((uintptr_t)target + icall) & (SEEN_TARGETS - 1)];
	if (!seen->record || seen->target != target || seen->icall != icall ||
	    seen->file != scout.file) {
		struct record *record;

		if (!lock_file())
			goto out;
		record = target_record(icall, target);
		*seen = (struct seen_target){target, record, icall, record ? scout.file : 0};
		unlock_file();
		if (!record)
			goto out;
	}
	__atomic_fetch_add(&seen->record->count, 1, __ATOMIC_RELAXED);
out:
	errno = error;
}

/* A token's first word: 1 + the kind of what it has under way, or zero. */
static void set_kind(struct __lp_scout_token *token, uintptr_t kind)
{
	token->word[0] = (void *)(kind + 1);
}

int __lp_scout_begin(struct __lp_scout_token *token)
{
	const char *frame = __builtin_frame_address(0);
	struct thread_state *mine;
	struct path *path;

	token->word[0] = NULL;
	if (scout.disabled || !scout.alive)
		return 0;
	mine = own_state();
	if (!mine)
		return 0;
	path = &mine->paths[KIND_REQUEST];
	/* A nested request belongs to the outer one; one that is nested by inlining has its token
	 * in the same frame. One whose frame is no longer on the stack was left by longjmp, and
	 * ends here. */
	if (path->active && (frame < path->frame || (frame == path->frame && token != path->token)))
		return 0;
	gather();
	commit(path, KIND_REQUEST);
	path->active = true;
	path->token = token;
	path->frame = frame;
	choose_map(mine);
	set_kind(token, KIND_REQUEST);
	return 0;
}

void __lp_scout_end(struct __lp_scout_token *token)
{
	if (!token->word[0] || !state || state->paths[KIND_REQUEST].token != token)
		return;
	gather();
	commit(&state->paths[KIND_REQUEST], KIND_REQUEST);
	choose_map(state);
}

int __lp_scout_iteration(struct __lp_scout_token *token)
{
	const char *frame = __builtin_frame_address(0);
	struct thread_state *mine;

	if (scout.disabled || !scout.alive)
		return 0;
	mine = own_state();
	/* A loop within a request belongs to it, unless the request was left by longjmp. */
	if (!mine || (mine->paths[KIND_REQUEST].active && frame <= mine->paths[KIND_REQUEST].frame))
		return 0;
	gather();
	commit(&mine->paths[KIND_REQUEST], KIND_REQUEST);
	commit(&mine->paths[KIND_ITERATION], KIND_ITERATION);
	mine->paths[KIND_ITERATION].active = true;
	set_kind(token, KIND_ITERATION);
	choose_map(mine);
	return 0;
}

void __lp_scout_loop_end(struct __lp_scout_token *token)
{
	if (!token->word[0] || !state)
		return;
	gather();
	commit(&state->paths[KIND_ITERATION], KIND_ITERATION);
	choose_map(state);
}

/* -- start, fork, end ----------------------------------------------------------------------- */

static void before_fork(void)
{
	notice_fork();
	pthread_mutex_lock(&scout.lock);
}

static void after_fork_parent(void)
{
	pthread_mutex_unlock(&scout.lock);
}

static void after_fork_child(void)
{
	close_file();
	scout.file++;
	*scout.alive = ALIVE;
	pthread_mutex_unlock(&scout.lock);
}

/* What is under way in the calling thread, which ends, ends with it. */
static void end_paths(void)
{
	gather();
	commit(&state->paths[KIND_REQUEST], KIND_REQUEST);
	commit(&state->paths[KIND_ITERATION], KIND_ITERATION);
	__lp_scout_map = (unsigned char *)outside;
}

static void end_thread(void *memory)
{
	struct thread_state *old = memory;

	if (state)
		end_paths();
	state = NULL;
	munmap(old, old->bytes);
}

__attribute__((constructor(101))) static void start(void)
{
	uint32_t arms = 0;
	uint32_t icalls = 0;
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	int error;

	for (struct __lp_scout_unit *const *unit = __start_lp_scout_units;
	     unit < __stop_lp_scout_units; unit++) {
		if (listed_before(unit))
			continue;
		(*unit)->base = arms;
		(*unit)->icall_base = icalls;
		arms += (*unit)->arms;
		icalls += (*unit)->icalls;
	}
	scout.arms = arms;
	scout.icalls = icalls;
	choose_folder();
	scout.told = map_memory(page, MAP_SHARED);
	scout.alive = map_memory(page, MAP_PRIVATE);
	error = pthread_key_create(&scout.key, end_thread);
	if (error)
		errno = error;
	if (arms > MAX_ARMS)
		errno = EOVERFLOW;
	if (!scout.alive || arms > MAX_ARMS || error) {
		give_up(NO_START, "cannot start", "scouting");
		return;
	}
	open_folder();
	*scout.alive = ALIVE;
	madvise(scout.alive, page, MADV_WIPEONFORK);
	pthread_atfork(before_fork, after_fork_parent, after_fork_child);
}

__attribute__((destructor)) static void end(void)
{
	/* exit() within a request: it ends here. */
	if (state)
		end_paths();
}
