// SPDX-License-Identifier: GPL-2.0-only WITH GCC-exception-2.0
/*
 * The scouting runtime: collects the path of each request (thesis 3.1.1).
 *
 * A path is the set of arms that a request took; requests with equal paths are one class, counted
 * in place in a trace file that is mapped shared (scout/trace_file.h). So loops do not
 * multiply classes, a million requests take kilobytes, and a process that is killed loses only the
 * request under way. A process and all that are forked from it count in one file.
 *
 * A request in an iteration of the loop is also counted by its turn: which class it was of, and
 * what the iteration had done before. That tells whether a loop that runs in the kernel gets to it.
 *
 * Trace file, all integers little-endian:
 *   struct trace_header, tables (JSON, head.tables_size bytes), padding to 8,
 *   then records up to header.used, each padded to 8 (struct record and what follows it).
 *
 * Processes append without a lock, so that one that is killed stops no other: a record belongs to
 * who made its first eight bytes, and whoever comes next moves `used` behind it. It is whole once
 * its `head` is not zero; one that never becomes so is a request that was under way.
 *
 * Nothing here calls malloc: the allocator may itself be scouted.
 */
#include "scout/scout.h"
#include "scout/symbols.h"
#include "scout/trace_file.h"
#include "scout/trace_program.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { TRACE_VERSION = 3, RECORD_CLASS = 1, RECORD_TARGET = 2, RECORD_TURN = 3 };
/* Before: all that an iteration of the loop, and requests in it, had done when a request began. */
enum { KIND_REQUEST, KIND_ITERATION, KIND_BEFORE, KIND_COUNT };
enum { MAX_TURNS = 1 << 17, TARGETS = 4096 };
enum { MAX_ARMS = 1 << 20, NAME_MAX_BYTES = 512 };
enum { SEEN_TARGETS = 256 }; /* a power of two */
enum { WIPED, ALIVE, MENDING };
enum failure { NO_START, NO_MEMORY, NO_FILE, NO_SPACE, FAILURES };

struct trace_header {
	struct lp_trace_head head; /* magic: "LPTRACE1" */
	uint64_t used;		   /* atomic: where the next record begins */
	uint32_t arms;
	uint32_t icalls;
	uint32_t begun; /* whether any request ever began */
	uint32_t reserved;
};

struct record {
	union {
		struct {
			uint32_t type;
			uint32_t size; /* bytes, this header included, padding not */
		};
		uint64_t claim; /* atomic: both; zero where no record is */
	};
	uint64_t count; /* atomic, relaxed: how often seen */
	uint32_t kind;	/* of a class; for a target, its indirect call */
	/* Of a class: arms that follow. That a target was called is an arm too: behind all others,
	 * the n-th of this file's targets. Of a target: bytes of its name. Of a turn 2: the offsets
	 * / 8 of a request's class and of what was before, 0: unknown. */
	uint32_t length;
	uint32_t checksum; /* FNV-1a over what follows */
	uint32_t head; /* atomic: FNV-1a over type, size, kind and length; never zero; set last */
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
	uint32_t arm;  /* that it was called, 0: too many targets */
};

struct thread_state {
	struct path paths[KIND_COUNT];
	uint32_t before_seen; /* arms of the iteration that are in `before` */
	uint32_t begun;	      /* what was before the request under way; 0: unknown */
	uint32_t begun_file;  /* scout.file then */
	bool in_iteration;    /* the request under way began in one */
	struct seen_target seen[SEEN_TARGETS]; /* by hash */
	size_t bytes;			       /* of this mapping */
	bool counting; /* a path: what a signal handler begins then is not counted */
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
	pid_t pid;
	struct lp_trace_file trace;
	uint32_t file; /* which of those that this process has written to, from 1 */
	/* Offsets of records by hash: open addressing, a power of two. It has those before `seen`.
	 */
	uint32_t *index;
	uint32_t index_size;
	uint32_t index_used;
	uint64_t seen;
	uint32_t turns;
	uint32_t targets; /* before `seen`, and where they are: offsets / 8, ascending */
	uint32_t target_offsets[TARGETS];
} scout = {.lock = PTHREAD_MUTEX_INITIALIZER, .trace = {.kind = "trace", .suffix = "lpt"}};

static struct trace_header *header(void)
{
	return (struct trace_header *)scout.trace.window;
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
	char said[PATH_MAX + 256];

	if (error == ENOMEM)
		failure = NO_MEMORY;
	scout.disabled = true;
	/* A daemon has nobody who reads what it prints: `lp manifest` tells it, too. */
	snprintf(said, sizeof(said), "%s (user %d): %s; remedy: %s", what, (int)geteuid(),
		 strerror(error), remedies[failure]);
	lp_trace_note_failure(&scout.trace, said);
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

/* Copy `text` to the tables' end; the window must already reach there. */
static int put(uint64_t *end, const char *text)
{
	size_t length = strlen(text);

	if (lp_trace_reserve(&scout.trace, *end, *end + length) < 0)
		return -1;
	memcpy(scout.trace.window + *end, text, length);
	*end += length;
	return 0;
}

static int write_tables(uint64_t *end)
{
	char head[192];
	char program[LP_TRACE_PROGRAM_ID];
	const char *open = "[";

	lp_trace_program_id(program);
	for (struct __lp_scout_unit *const *unit = __start_lp_scout_units;
	     unit < __stop_lp_scout_units; unit++) {
		if (listed_before(unit))
			continue;
		snprintf(head, sizeof(head),
			 "%s{\"program\":\"%s\",\"base\":%u,\"icall_base\":%u,\"table\":", open,
			 program, (*unit)->base, (*unit)->icall_base);
		if (put(end, head) < 0 || put(end, (*unit)->table) < 0 || put(end, "}") < 0)
			return -1;
		open = ",";
	}
	return put(end, "]");
}

static int start_file(void)
{
	uint64_t end = sizeof(struct trace_header);

	scout.index_size = 1024;
	scout.index_used = 0;
	scout.turns = 0;
	scout.targets = 0;
	scout.index = map_memory(scout.index_size * sizeof(uint32_t), MAP_PRIVATE);
	if (!scout.index || lp_trace_create(&scout.trace) < 0) {
		give_up(NO_FILE, "cannot write traces to", scout.trace.path);
		return -1;
	}
	if (write_tables(&end) < 0) {
		give_up(NO_SPACE, "cannot write the trace", scout.trace.path);
		lp_trace_discard(&scout.trace);
		return -1;
	}
	header()->head.pid = (uint32_t)getpid();
	header()->head.version = TRACE_VERSION;
	header()->head.tables_size = end - sizeof(struct trace_header);
	header()->arms = scout.arms;
	header()->icalls = scout.icalls;
	header()->used = scout.seen = (end + 7) & ~7ull;
	memcpy(header()->head.magic, "LPTRACE1", 8);
	scout.file++;
	return 0;
}

/* -- records ------------------------------------------------------------------------------ */

static struct record *record_at(uint32_t offset)
{
	return (struct record *)(scout.trace.window + (uint64_t)offset * 8);
}

static uint64_t record_hash(const struct record *record)
{
	const uint32_t *arms = (const uint32_t *)(record + 1);
	uint64_t hash = mix(record->type * 8 + record->kind);

	if (record->type != RECORD_CLASS)
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

static uint64_t padded(uint64_t size)
{
	return (size + 7) & ~7ull;
}

/* Learn what records any process has appended. Returns 0, or -1 with errno. */
static int catch_up(void)
{
	uint64_t used = __atomic_load_n(&header()->used, __ATOMIC_ACQUIRE);

	while (scout.seen < used) {
		struct record *record = record_at((uint32_t)(scout.seen / 8));

		if (record->type == RECORD_TARGET && scout.targets < TARGETS)
			scout.target_offsets[scout.targets++] = (uint32_t)(scout.seen / 8);
		/* Whoever makes one at this moment may make it twice; the tools add them up. */
		if (__atomic_load_n(&record->head, __ATOMIC_ACQUIRE)) {
			uint32_t *slot;

			if (scout.index_used * 2 >= scout.index_size && grow_index() < 0)
				return -1;
			slot = slot_for(record_hash(record));
			while (*slot)
				slot = next_slot(slot);
			*slot = (uint32_t)(scout.seen / 8);
			scout.index_used++;
		}
		scout.seen += padded(record->size);
	}
	return 0;
}

/* Make a place of this record's type and size this process's own; NULL with errno. */
static struct record *claim(const struct record *head)
{
	uint64_t offset = __atomic_load_n(&header()->used, __ATOMIC_ACQUIRE);

	for (;;) {
		struct record *record = record_at((uint32_t)(offset / 8));
		uint64_t end = offset + padded(head->size);
		uint64_t other = 0;

		if (lp_trace_reserve(&scout.trace, offset, end) < 0)
			return NULL;
		if (__atomic_compare_exchange_n(&record->claim, &other, head->claim, false,
						__ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
			__atomic_compare_exchange_n(&header()->used, &offset, end, false,
						    __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
			return record;
		}
		/* Another process was first, and may have been killed since. */
		end = offset + padded(record->size);
		if (__atomic_compare_exchange_n(&header()->used, &offset, end, false,
						__ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
			offset = end;
	}
}

/* Begin another file if somebody has removed this one. Its mapping stays: another thread may be
 * counting there. */
static int replace_removed(void)
{
	if (!lp_trace_removed(&scout.trace))
		return 0;
	scout.trace.window = NULL;
	return start_file();
}

/* Append a record; its head comes last, so that a reader never takes half of one for a whole. */
static struct record *append(const struct record *head, const void *rest, size_t bytes)
{
	struct record *record;

	if (replace_removed() < 0)
		return NULL;
	record = claim(head);
	if (record) {
		memcpy(record + 1, rest, bytes);
		record->count = head->count;
		record->kind = head->kind;
		record->length = head->length;
		record->checksum = checksum(rest, bytes);
		__atomic_store_n(&record->head, head_checksum(record), __ATOMIC_RELEASE);
	}
	if (!record || catch_up() < 0) {
		give_up(NO_SPACE, "cannot extend the trace", scout.trace.path);
		return NULL;
	}
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

/* Where this path is counted; NULL: nowhere. */
static struct record *count_path(const struct path *path, uint32_t kind)
{
	struct record head = {.type = RECORD_CLASS,
			      .size = (uint32_t)(sizeof(head) + path->count * sizeof(uint32_t)),
			      .count = 1,
			      .kind = kind,
			      .length = path->count};
	uint64_t hash = mix(RECORD_CLASS * 8 + kind);

	for (uint32_t i = 0; i < path->count; i++)
		hash += mix(path->touched[i] + 64);
	if (catch_up() < 0) {
		give_up(NO_SPACE, "cannot read the trace", scout.trace.path);
		return NULL;
	}
	for (uint32_t *slot = slot_for(hash); *slot; slot = next_slot(slot)) {
		struct record *record = record_at(*slot);

		if (same_path(record, path, kind)) {
			__atomic_fetch_add(&record->count, 1, __ATOMIC_RELAXED);
			return record;
		}
	}
	return append(&head, path->touched, path->count * sizeof(uint32_t));
}

/* The record of type and kind of `head` with this body, found or made; NULL if that fails. */
static struct record *record_of(struct record *head, const void *body, size_t bytes)
{
	head->size = (uint32_t)(sizeof(*head) + bytes);
	head->checksum = checksum(body, bytes);
	for (uint32_t *slot = slot_for(record_hash(head)); *slot; slot = next_slot(slot)) {
		struct record *record = record_at(*slot);

		if (record->type == head->type && record->kind == head->kind &&
		    record->size == head->size && memcmp(record + 1, body, bytes) == 0)
			return record;
	}
	return append(head, body, bytes);
}

static uint32_t offset_of(const struct record *record)
{
	return (uint32_t)(((const unsigned char *)record - scout.trace.window) / 8);
}

/* A request of this class was made where its iteration had done what `before` says. */
static void count_turn(const struct record *request, uint32_t before)
{
	struct record head = {.type = RECORD_TURN, .length = 2};
	uint32_t body[2] = {offset_of(request), before};
	uint32_t used = scout.index_used;
	struct record *turn = record_of(&head, body, sizeof(body));

	if (!turn)
		return;
	scout.turns += scout.index_used - used;
	__atomic_fetch_add(&turn->count, 1, __ATOMIC_RELAXED);
}

/*
 * A fork counts in the file that it inherited. One that no handler saw (a system call of the
 * program's own) may have been made while another thread held the lock, and in the middle of a
 * change of the index: that is made anew from the file.
 */
static void notice_fork(void)
{
	unsigned char seen = WIPED;

	if (__atomic_load_n(scout.alive, __ATOMIC_ACQUIRE) == ALIVE)
		return;
	if (__atomic_compare_exchange_n(scout.alive, &seen, MENDING, false, __ATOMIC_ACQ_REL,
					__ATOMIC_ACQUIRE)) {
		scout.pid = getpid();
		scout.lock = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
		scout.index_size = 1024;
		scout.index_used = 0;
		scout.index = map_memory(scout.index_size * sizeof(uint32_t), MAP_PRIVATE);
		if (!scout.index)
			give_up(NO_MEMORY, "cannot start", "scouting of a forked process");
		scout.targets = 0;
		if (scout.trace.window && lp_trace_join(&scout.trace))
			scout.seen =
			    padded(sizeof(struct trace_header) + header()->head.tables_size);
		else
			scout.trace.window = NULL;
		scout.file++;
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
	if (!scout.disabled && (scout.trace.window || start_file() == 0))
		return true;
	unlock_file();
	return false;
}

/* -- threads ------------------------------------------------------------------------------ */

static struct thread_state *own_state(void)
{
	size_t arms = (scout.arms + TARGETS + 7) & ~7u;
	size_t per_path = arms + arms * sizeof(uint32_t);
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
		memory += arms * sizeof(uint32_t);
	}
	for (int kind = 0; kind < KIND_COUNT; kind++) {
		state->paths[kind].map = memory;
		memory += arms;
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

static void clear(struct path *path)
{
	for (uint32_t i = 0; i < path->count; i++)
		path->map[path->touched[i]] = 0;
	path->count = 0;
}

/* Add a path's arms from number `first` on to what is before the next request. */
static void add_before(struct thread_state *mine, const struct path *path, uint32_t first)
{
	struct path *before = &mine->paths[KIND_BEFORE];

	for (uint32_t i = first; i < path->count; i++) {
		if (before->map[path->touched[i]])
			continue;
		before->map[path->touched[i]] = 1;
		before->touched[before->count++] = path->touched[i];
	}
}

static void commit(struct path *path, uint32_t kind)
{
	int error = errno;

	if (!path->active)
		return;
	state->counting = true;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	path->active = false;
	if (lock_file()) {
		struct record *record = count_path(path, kind);

		if (record && kind == KIND_REQUEST && state->in_iteration)
			count_turn(record, state->begun_file == scout.file ? state->begun : 0);
		unlock_file();
	}
	if (kind == KIND_REQUEST) {
		if (state->in_iteration)
			add_before(state, path, 0);
	} else {
		clear(&state->paths[KIND_BEFORE]);
		state->before_seen = 0;
	}
	clear(path);
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	state->counting = false;
	errno = error;
}

/* A request begins: note what its iteration has done until now. */
static void note_before(struct thread_state *mine)
{
	const struct path *iteration = &mine->paths[KIND_ITERATION];
	int error = errno;

	mine->begun = 0;
	mine->in_iteration = iteration->active;
	if (!iteration->active)
		return;
	mine->counting = true;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	add_before(mine, iteration, mine->before_seen);
	mine->before_seen = iteration->count;
	if (lock_file()) {
		const struct record *record = NULL;

		/* So many different turns that they would fill the disk: the rest is unknown. */
		if (scout.turns < MAX_TURNS)
			record = count_path(&mine->paths[KIND_BEFORE], KIND_BEFORE);
		mine->begun = record ? offset_of(record) : 0;
		mine->begun_file = scout.file;
		unlock_file();
	}
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	mine->counting = false;
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

	size_t bytes = lp_scout_symbol(target, name, sizeof(name));

	if (catch_up() < 0) {
		give_up(NO_SPACE, "cannot read the trace", scout.trace.path);
		return NULL;
	}

	head.length = (uint32_t)bytes;
	return record_of(&head, name, bytes);
}

/* The arm that says that this target was called; 0 where there are too many. Locked. */
static uint32_t target_arm(const struct record *record)
{
	uint32_t wanted = offset_of(record);
	uint32_t low = 0, high = scout.targets;

	while (low < high) {
		uint32_t middle = (low + high) / 2;

		if (scout.target_offsets[middle] < wanted)
			low = middle + 1;
		else
			high = middle;
	}
	return low < scout.targets && scout.target_offsets[low] == wanted ? scout.arms + low : 0;
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
		*seen = (struct seen_target){target, record, icall, record ? scout.file : 0,
					     record ? target_arm(record) : 0};
		unlock_file();
		if (!record)
			goto out;
	}
	__atomic_fetch_add(&seen->record->count, 1, __ATOMIC_RELAXED);
	if (seen->arm && !__lp_scout_map[seen->arm])
		__lp_scout_first(seen->arm);
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
	struct trace_header *file;
	struct thread_state *mine;
	struct path *path;

	token->word[0] = NULL;
	if (scout.disabled || !scout.alive)
		return 0;
	mine = own_state();
	if (!mine || mine->counting)
		return 0;
	path = &mine->paths[KIND_REQUEST];
	/* A nested request belongs to the outer one; one that is nested by inlining has its token
	 * in the same frame. One whose frame is no longer on the stack was left by longjmp, and
	 * ends here. */
	if (path->active && (frame < path->frame || (frame == path->frame && token != path->token)))
		return 0;
	file = header();
	if (file && !file->begun)
		file->begun = 1;
	gather();
	commit(path, KIND_REQUEST);
	note_before(mine);
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
	if (!mine || mine->counting ||
	    (mine->paths[KIND_REQUEST].active && frame <= mine->paths[KIND_REQUEST].frame))
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
	busy = true;
	notice_fork();
	pthread_mutex_lock(&scout.lock);
	if (!scout.disabled && scout.trace.window)
		replace_removed();
	lp_trace_fork(&scout.trace);
}

static void after_fork_parent(void)
{
	unlock_file();
}

static void after_fork_child(void)
{
	scout.pid = getpid();
	*scout.alive = ALIVE;
	unlock_file();
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

	lp_trace_say_what_it_is("lp: this is the scouting program: LP_ELITE does nothing in it. "
				"`lp build` makes the specialised one\n");
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
	lp_trace_choose(&scout.trace);
	scout.pid = getpid();
	scout.told = map_memory(page, MAP_SHARED);
	scout.alive = map_memory(page, MAP_PRIVATE);
	error = pthread_key_create(&scout.key, end_thread);
	if (error)
		errno = error;
	if (arms > MAX_ARMS - TARGETS)
		errno = EOVERFLOW;
	if (!scout.alive || arms > MAX_ARMS - TARGETS || error) {
		give_up(NO_START, "cannot start", "scouting");
		return;
	}
	*scout.alive = ALIVE;
	madvise(scout.alive, page, MADV_WIPEONFORK);
	/* Now, and not with the first request: a server gives up what it needs for that. */
	start_file();
	pthread_atfork(before_fork, after_fork_parent, after_fork_child);
}

/* The process ends, maybe within a request, which ends here. Other threads may still run. */
__attribute__((destructor)) static void end(void)
{
	bool empty;

	/* A child of vfork() has its parent's memory. */
	if (!scout.alive || (*scout.alive == ALIVE && scout.pid != getpid()))
		return;
	if (state)
		end_paths();
	if (!lock_file())
		return;
	scout.disabled = true;
	empty = header()->used == padded(sizeof(struct trace_header) + header()->head.tables_size);
	lp_trace_leave(&scout.trace, header()->used, empty && !header()->begun);
	unlock_file();
}

/* The children of servers that fork for each connection often end so. Weak: a program's own goes
 * before. */
_Noreturn void _exit(int status) __attribute__((weak));
_Noreturn void _Exit(int status) __attribute__((weak));

void _exit(int status)
{
	end();
	for (;;)
		syscall(SYS_exit_group, status);
}

void _Exit(int status)
{
	_exit(status);
}
