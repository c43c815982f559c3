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
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef LP_TRACE_DIR_DEFAULT
#define LP_TRACE_DIR_DEFAULT ".lp/traces"
#endif

enum { TRACE_VERSION = 1, RECORD_CLASS = 1, RECORD_TARGET = 2 };
enum { KIND_REQUEST, KIND_ITERATION, KIND_COUNT };
enum { MAX_ARMS = 1 << 20, WINDOW = 1 << 30, CHUNK = 1 << 20, NAME_MAX_BYTES = 512 };

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
	uint32_t reserved;
};

/* One path being collected. */
struct path {
	unsigned char *map;
	uint32_t *touched;
	uint32_t count;
	bool active;
	const void *token; /* of whoever began it */
};

struct thread_state {
	struct path paths[KIND_COUNT];
	const void **last_target; /* by indirect call: what it called last */
	size_t bytes;		  /* of this mapping */
};

/* Outside of requests each arm counts as logged; a thread starts so without being told. */
static const unsigned char outside[MAX_ARMS] = {[0 ... MAX_ARMS - 1] = 1};

__thread unsigned char *__lp_scout_map __attribute__((tls_model("initial-exec"))) =
    (unsigned char *)outside;
static __thread struct thread_state *state __attribute__((tls_model("initial-exec")));

static struct {
	pthread_mutex_t lock;
	pthread_key_t key;
	uint32_t arms;
	uint32_t icalls;
	unsigned char *alive; /* a page that a fork wipes */
	bool disabled;
	char folder[PATH_MAX];
	int folder_fd;
	dev_t folder_device;
	ino_t folder_inode;
	/* The open trace file. */
	int fd;
	unsigned char *window;
	uint64_t file_size;
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

static void *map_memory(size_t bytes)
{
	void *memory =
	    mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return memory == MAP_FAILED ? NULL : memory;
}

static void give_up(const char *what, const char *where)
{
	scout.disabled = true;
	fprintf(stderr,
		"lp: scouting stops in process %d: %s %s: %s\n"
		"  remedy: make it writable, or set LP_TRACE_DIR to a folder that is\n",
		(int)getpid(), what, where, strerror(errno));
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

static int reserve(uint64_t end)
{
	uint64_t size = scout.file_size;

	if (end > WINDOW) {
		errno = EFBIG;
		return -1;
	}
	while (size < end)
		size += CHUNK;
	if (size != scout.file_size) {
		/* Blocks are taken now: a full disk is an error here and not a SIGBUS later. */
		int error = posix_fallocate(scout.fd, 0, (off_t)size);

		if (error) {
			errno = error;
			return -1;
		}
		scout.file_size = size;
	}
	return 0;
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
	snprintf(scout.folder + length, sizeof(scout.folder) - length, "%s", folder);
}

/* A server that root starts may go on as a user who can't reach the folder, let alone write to it.
 * So root makes it writable for all, as /tmp is, and keeps it open. */
static void open_folder(void)
{
	struct stat found;
	int fd;

	if (geteuid() != 0)
		return;
	if (mkdir(scout.folder, 0777) == 0 && chmod(scout.folder, 01777) < 0)
		return;
	fd = open(scout.folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &found) < 0)
		return; /* said where the first trace is to be written, if there ever is one */
	scout.folder_device = found.st_dev;
	scout.folder_inode = found.st_ino;
	/* Out of the way of the numbers that the program gets. */
	for (int lowest = 1000; lowest > 100 && scout.folder_fd < 0; lowest /= 2)
		scout.folder_fd = fcntl(fd, F_DUPFD_CLOEXEC, lowest);
	close(fd);
}

/* The folder's descriptor; else, or if the program closed it, what makes openat() take the path. */
static int folder_fd(void)
{
	struct stat found;

	if (scout.folder_fd >= 0 && fstat(scout.folder_fd, &found) == 0 &&
	    found.st_dev == scout.folder_device && found.st_ino == scout.folder_inode)
		return scout.folder_fd;
	return AT_FDCWD;
}

static int open_file(char *path, size_t bytes)
{
	int at = folder_fd();

	if (at == AT_FDCWD && mkdir(scout.folder, 0777) < 0 && errno != EEXIST) {
		snprintf(path, bytes, "%s", scout.folder);
		return -1;
	}
	for (int serial = 0;; serial++) {
		int name, fd;

		name = snprintf(path, bytes, "%s/", scout.folder);
		snprintf(path + name, bytes - (size_t)name, "trace.%d.%d.lpt", (int)getpid(),
			 serial);
		fd = openat(at, at == AT_FDCWD ? path : path + name,
			    O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
		if (fd >= 0 || errno != EEXIST)
			return fd;
	}
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

static int start_file(void)
{
	char path[PATH_MAX + 64];
	uint64_t end = sizeof(struct trace_header);

	scout.fd = open_file(path, sizeof(path));
	if (scout.fd < 0) {
		give_up("cannot write traces to", path);
		return -1;
	}
	scout.file_size = 0;
	scout.window =
	    mmap(NULL, WINDOW, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, scout.fd, 0);
	scout.index_size = 1024;
	scout.index_used = 0;
	scout.index = map_memory(scout.index_size * sizeof(uint32_t));
	if (scout.window == MAP_FAILED || !scout.index || reserve(end) < 0 ||
	    write_tables(&end) < 0) {
		give_up("cannot write the trace", path);
		return -1;
	}
	*header() = (struct trace_header){.magic = "LPTRACE1",
					  .version = TRACE_VERSION,
					  .pid = (uint32_t)getpid(),
					  .tables_size = end - sizeof(struct trace_header),
					  .used = (end + 7) & ~7ull,
					  .arms = scout.arms,
					  .icalls = scout.icalls};
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
	uint32_t *larger = map_memory((size_t)old_size * 2 * sizeof(uint32_t));

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

/* Append a record; `used` moves last, so that a reader never sees half of one. */
static struct record *append(const struct record *head, const void *rest, size_t bytes)
{
	uint64_t offset = header()->used;
	uint64_t end = offset + ((sizeof(*head) + bytes + 7) & ~7ull);
	struct record *record = record_at((uint32_t)(offset / 8));
	uint32_t *slot;

	if (reserve(end) < 0 || (scout.index_used * 2 >= scout.index_size && grow_index() < 0)) {
		give_up("cannot extend", "the trace file");
		return NULL;
	}
	memcpy(record + 1, rest, bytes);
	*record = *head;
	record->checksum = checksum(rest, bytes);
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

/* A fork has its own file: what it inherited belongs to its parent. */
static void forget_file(void)
{
	if (scout.fd >= 0) {
		munmap(scout.window, WINDOW);
		munmap(scout.index, scout.index_size * sizeof(uint32_t));
		close(scout.fd);
		scout.fd = -1;
	}
	*scout.alive = 1;
}

static bool lock_file(void)
{
	pthread_mutex_lock(&scout.lock);
	if (!*scout.alive) /* a fork that no handler saw */
		forget_file();
	if (!scout.disabled && (scout.fd >= 0 || start_file() == 0))
		return 1;
	pthread_mutex_unlock(&scout.lock);
	return 0;
}

/* -- threads ------------------------------------------------------------------------------ */

static void end_thread(void *memory)
{
	struct thread_state *old = memory;

	__lp_scout_map = (unsigned char *)outside;
	state = NULL;
	munmap(old, old->bytes);
}

static struct thread_state *own_state(void)
{
	size_t per_path = scout.arms + (size_t)scout.arms * sizeof(uint32_t) + 16;
	size_t bytes = sizeof(struct thread_state) + KIND_COUNT * per_path +
		       scout.icalls * sizeof(void *) + 64;
	unsigned char *memory;

	if (state)
		return state;
	memory = map_memory(bytes);
	if (!memory)
		return NULL;
	state = (struct thread_state *)memory;
	state->bytes = bytes;
	memory += sizeof(struct thread_state);
	state->last_target = (const void **)memory;
	memory += scout.icalls * sizeof(void *);
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
		pthread_mutex_unlock(&scout.lock);
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

void __lp_scout_target(unsigned icall, const void *target)
{
	char name[NAME_MAX_BYTES];
	struct record head = {.type = RECORD_TARGET, .count = 1, .kind = icall};
	int error = errno;

	if (!state || __lp_scout_map == outside || state->last_target[icall] == target)
		return;
	state->last_target[icall] = target;
	head.length = (uint32_t)lp_scout_symbol(target, name, sizeof(name));
	head.size = (uint32_t)sizeof(head) + head.length;
	head.checksum = checksum(name, head.length);
	if (lock_file()) {
		uint32_t *slot = slot_for(record_hash(&head));
		struct record *record = NULL;

		for (; *slot; slot = next_slot(slot)) {
			record = record_at(*slot);
			if (record->type == RECORD_TARGET && record->kind == icall &&
			    record->length == head.length &&
			    memcmp(record + 1, name, head.length) == 0)
				break;
		}
		if (*slot)
			__atomic_fetch_add(&record->count, 1, __ATOMIC_RELAXED);
		else
			append(&head, name, head.length);
		pthread_mutex_unlock(&scout.lock);
	}
	errno = error;
}

/* A token's first word: 1 + the kind of what it has under way, or zero. */
static void set_kind(struct __lp_scout_token *token, uintptr_t kind)
{
	token->word[0] = (void *)(kind + 1);
}

int __lp_scout_begin(struct __lp_scout_token *token)
{
	struct thread_state *mine;
	struct path *path;

	token->word[0] = NULL;
	if (scout.disabled || !scout.alive)
		return 0;
	mine = own_state();
	if (!mine)
		return 0;
	path = &mine->paths[KIND_REQUEST];
	/* A nested request belongs to the outer one. One whose frame is no longer on the stack
	 * was left by longjmp, and ends here. */
	if (path->active && (char *)token < (char *)path->token)
		return 0;
	gather();
	commit(path, KIND_REQUEST);
	path->active = true;
	path->token = token;
	choose_map(mine);
	set_kind(token, KIND_REQUEST);
	return 0;
}

void __lp_scout_end(struct __lp_scout_token *token)
{
	if (!token->word[0] || !state)
		return;
	gather();
	commit(&state->paths[KIND_REQUEST], KIND_REQUEST);
	choose_map(state);
}

int __lp_scout_iteration(struct __lp_scout_token *token)
{
	struct thread_state *mine;

	if (scout.disabled || !scout.alive)
		return 0;
	mine = own_state();
	if (!mine || mine->paths[KIND_REQUEST].active)
		return 0;
	gather();
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
	pthread_mutex_lock(&scout.lock);
}

static void after_fork_parent(void)
{
	pthread_mutex_unlock(&scout.lock);
}

static void after_fork_child(void)
{
	forget_file();
	pthread_mutex_unlock(&scout.lock);
}

__attribute__((constructor(101))) static void start(void)
{
	uint32_t arms = 0;
	uint32_t icalls = 0;
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

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
	scout.alive = map_memory(page);
	if (!scout.alive || arms > MAX_ARMS || pthread_key_create(&scout.key, end_thread)) {
		give_up("cannot start", "scouting");
		return;
	}
	choose_folder();
	open_folder();
	*scout.alive = 1;
	madvise(scout.alive, page, MADV_WIPEONFORK);
	pthread_atfork(before_fork, after_fork_parent, after_fork_child);
}

__attribute__((destructor)) static void end(void)
{
	if (!state)
		return;
	/* exit() within a request: it ends here. */
	gather();
	commit(&state->paths[KIND_REQUEST], KIND_REQUEST);
	commit(&state->paths[KIND_ITERATION], KIND_ITERATION);
	__lp_scout_map = (unsigned char *)outside;
}
