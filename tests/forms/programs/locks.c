// SPDX-License-Identifier: GPL-2.0-only
/* Locks: the same bytes in them as the library's functions leave, and the same exclusion. */
#include <errno.h>
#include <pthread.h>
#include <time.h>

#include "check.h"

enum { ROUNDS = 20000, THREADS = 4, TURNS = 20000 };

extern __typeof__(pthread_mutex_lock) lp_form_pthread_mutex_lock;
extern __typeof__(pthread_mutex_trylock) lp_form_pthread_mutex_trylock;
extern __typeof__(pthread_mutex_unlock) lp_form_pthread_mutex_unlock;
extern __typeof__(pthread_spin_lock) lp_form_pthread_spin_lock;
extern __typeof__(pthread_spin_trylock) lp_form_pthread_spin_trylock;
extern __typeof__(pthread_spin_unlock) lp_form_pthread_spin_unlock;
extern __typeof__(pthread_rwlock_rdlock) lp_form_pthread_rwlock_rdlock;
extern __typeof__(pthread_rwlock_wrlock) lp_form_pthread_rwlock_wrlock;
extern __typeof__(pthread_rwlock_tryrdlock) lp_form_pthread_rwlock_tryrdlock;
extern __typeof__(pthread_rwlock_trywrlock) lp_form_pthread_rwlock_trywrlock;
extern __typeof__(pthread_rwlock_unlock) lp_form_pthread_rwlock_unlock;
extern __typeof__(pthread_self) lp_form_pthread_self;

/* -- one thread: states ------------------------------------------------------------------------ */

struct kind {
	const char *name;
	int type;
	bool of_processes, inherits;
};

static const struct kind kinds[] = {
    {"normal", PTHREAD_MUTEX_NORMAL, false, false},
    {"recursive", PTHREAD_MUTEX_RECURSIVE, false, false},
    {"error checking", PTHREAD_MUTEX_ERRORCHECK, false, false},
    {"adaptive", PTHREAD_MUTEX_ADAPTIVE_NP, false, false},
    {"of processes", PTHREAD_MUTEX_NORMAL, true, false},
    {"recursive, of processes", PTHREAD_MUTEX_RECURSIVE, true, false},
    {"inheriting", PTHREAD_MUTEX_NORMAL, false, true},
    {"recursive, inheriting", PTHREAD_MUTEX_RECURSIVE, false, true},
};

static void make(pthread_mutex_t *mutex, const struct kind *kind)
{
	pthread_mutexattr_t attributes;

	CHECK(!pthread_mutexattr_init(&attributes));
	CHECK(!pthread_mutexattr_settype(&attributes, kind->type));
	if (kind->of_processes)
		CHECK(!pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED));
	if (kind->inherits)
		CHECK(!pthread_mutexattr_setprotocol(&attributes, PTHREAD_PRIO_INHERIT));
	CHECK(!pthread_mutex_init(mutex, &attributes));
	CHECK(!pthread_mutexattr_destroy(&attributes));
}

/* Two mutexes go through the same calls, one by the library, one by forms; what may block or is
 * undefined is left out. */
static void states_of(const struct kind *kind)
{
	pthread_mutex_t by_form, by_library;
	int held = 0;

	make(&by_form, kind);
	make(&by_library, kind);
	for (int round = 0; round < ROUNDS; round++) {
		bool errs = kind->type == PTHREAD_MUTEX_ERRORCHECK;
		bool nests = kind->type == PTHREAD_MUTEX_RECURSIVE;
		int a = 0, b = 0;

		switch (below(3)) {
		case 0:
			if (held && !nests && !errs)
				continue;
			a = lp_form_pthread_mutex_lock(&by_form);
			b = pthread_mutex_lock(&by_library);
			held += !b;
			break;
		case 1:
			a = lp_form_pthread_mutex_trylock(&by_form);
			b = pthread_mutex_trylock(&by_library);
			held += !b;
			break;
		case 2:
			if (!held && !nests && !errs)
				continue;
			a = lp_form_pthread_mutex_unlock(&by_form);
			b = pthread_mutex_unlock(&by_library);
			held -= !b;
			break;
		}
		CHECK(a == b);
		if (kind->inherits) /* a list leads to them */
			CHECK(by_form.__data.__count == by_library.__data.__count);
		else
			CHECK(memcmp(&by_form, &by_library, sizeof(by_form)) == 0);
	}
	if (kind->type == PTHREAD_MUTEX_RECURSIVE && !kind->inherits) {
		while (held)
			held -= !pthread_mutex_unlock(&by_form), pthread_mutex_unlock(&by_library);
		/* As often as it can be counted. */
		CHECK(!pthread_mutex_lock(&by_form) && !pthread_mutex_lock(&by_library));
		by_form.__data.__count = by_library.__data.__count = UINT32_MAX;
		CHECK(lp_form_pthread_mutex_lock(&by_form) == pthread_mutex_lock(&by_library));
		CHECK(lp_form_pthread_mutex_trylock(&by_form) ==
		      pthread_mutex_trylock(&by_library));
		CHECK(memcmp(&by_form, &by_library, sizeof(by_form)) == 0);
	}
}

static void spin_states(void)
{
	pthread_spinlock_t by_form, by_library;
	bool held = false;

	CHECK(!pthread_spin_init(&by_form, 0) && !pthread_spin_init(&by_library, 0));
	for (int round = 0; round < ROUNDS; round++) {
		if (below(2)) {
			CHECK(lp_form_pthread_spin_trylock(&by_form) ==
			      pthread_spin_trylock(&by_library));
			held = true;
		} else if (held) {
			CHECK(!lp_form_pthread_spin_unlock(&by_form));
			CHECK(!pthread_spin_unlock(&by_library));
			held = false;
		} else {
			CHECK(!lp_form_pthread_spin_lock(&by_form));
			CHECK(!pthread_spin_lock(&by_library));
			held = true;
		}
		CHECK(by_form == by_library);
	}
}

static void make_rwlock(pthread_rwlock_t *lock, int preference)
{
	pthread_rwlockattr_t attributes;

	CHECK(!pthread_rwlockattr_init(&attributes));
	CHECK(!pthread_rwlockattr_setkind_np(&attributes, preference));
	CHECK(!pthread_rwlock_init(lock, &attributes));
	CHECK(!pthread_rwlockattr_destroy(&attributes));
}

/* Two locks of readers and writers go through the same calls that do not block. */
static void rwlock_states(int preference)
{
	pthread_rwlock_t by_form, by_library;
	int readers = 0;
	bool writes = false;

	make_rwlock(&by_form, preference);
	make_rwlock(&by_library, preference);
	for (int round = 0; round < ROUNDS; round++) {
		int a = 0, b = 0;

		switch (below(5)) {
		case 0: /* a deadlock is told */
			a = lp_form_pthread_rwlock_rdlock(&by_form);
			b = pthread_rwlock_rdlock(&by_library);
			readers += !b;
			break;
		case 1:
			if (readers)
				continue;
			a = lp_form_pthread_rwlock_wrlock(&by_form);
			b = pthread_rwlock_wrlock(&by_library);
			writes = true;
			break;
		case 2:
			a = lp_form_pthread_rwlock_tryrdlock(&by_form);
			b = pthread_rwlock_tryrdlock(&by_library);
			readers += !b;
			break;
		case 3:
			a = lp_form_pthread_rwlock_trywrlock(&by_form);
			b = pthread_rwlock_trywrlock(&by_library);
			writes |= !b;
			break;
		case 4:
			if (!readers && !writes)
				continue;
			a = lp_form_pthread_rwlock_unlock(&by_form);
			b = pthread_rwlock_unlock(&by_library);
			readers -= !writes;
			writes = false;
			break;
		}
		CHECK(a == b);
		CHECK(memcmp(&by_form, &by_library, sizeof(by_form)) == 0);
	}
}

/* -- several threads: exclusion ---------------------------------------------------------------- */

static pthread_mutex_t mutex;
static pthread_spinlock_t spin;
static uint64_t counter, spin_counter;

static void *contend(void *seed)
{
	uint64_t state = (uint64_t)seed + 1;

	if (lp_form_library.mutexes)
		lp_forms_attach();
	CHECK(pthread_equal(lp_form_pthread_self(), pthread_self()));
	for (int turn = 0; turn < TURNS; turn++) {
		state = state * 6364136223846793005u + 1442695040888963407u;
		if (state >> 60 & 1)
			CHECK(!lp_form_pthread_mutex_lock(&mutex));
		else if (state >> 61 & 1)
			CHECK(!pthread_mutex_lock(&mutex));
		else
			while (lp_form_pthread_mutex_trylock(&mutex))
				sched_yield();
		counter++;
		if ((state >> 32 & 63) == 0)
			sched_yield(); /* let the others find it taken */
		if (state >> 62 & 1)
			CHECK(!lp_form_pthread_mutex_unlock(&mutex));
		else
			CHECK(!pthread_mutex_unlock(&mutex));

		if (state >> 59 & 1)
			CHECK(!lp_form_pthread_spin_lock(&spin));
		else
			CHECK(!pthread_spin_lock(&spin));
		spin_counter++;
		if (state >> 58 & 1)
			CHECK(!lp_form_pthread_spin_unlock(&spin));
		else
			CHECK(!pthread_spin_unlock(&spin));
	}
	return NULL;
}

static void exclusion(const struct kind *kind)
{
	pthread_t threads[THREADS];

	make(&mutex, kind);
	CHECK(!pthread_spin_init(&spin, 0));
	counter = spin_counter = 0;
	for (uint64_t i = 0; i < THREADS; i++)
		CHECK(!pthread_create(&threads[i], NULL, contend, (void *)i));
	for (int i = 0; i < THREADS; i++)
		CHECK(!pthread_join(threads[i], NULL));
	CHECK(counter == (uint64_t)THREADS * TURNS);
	CHECK(spin_counter == counter);
	CHECK(mutex.__data.__lock == 0 && mutex.__data.__owner == 0);
	CHECK(mutex.__data.__nusers == 0);
}

static pthread_rwlock_t rwlock;
static uint64_t shared_counter, its_copy;

/* Readers see both words the same, while each side locks and unlocks by either. */
static void *read_and_write(void *seed)
{
	uint64_t state = (uint64_t)seed + 77, writes = 0;

	if (lp_form_library.rwlocks)
		lp_forms_attach();
	for (int turn = 0; turn < TURNS; turn++) {
		bool writing, held = false;

		state = state * 6364136223846793005u + 1442695040888963407u;
		writing = (state >> 60 & 3) == 0;
		while (!held) {
			if (state >> 59 & 1)
				held = !(writing ? lp_form_pthread_rwlock_wrlock
						 : lp_form_pthread_rwlock_rdlock)(&rwlock);
			else if (state >> 58 & 1)
				held = !(writing ? pthread_rwlock_wrlock
						 : pthread_rwlock_rdlock)(&rwlock);
			else
				held = !(writing ? lp_form_pthread_rwlock_trywrlock
						 : lp_form_pthread_rwlock_tryrdlock)(&rwlock);
			if (!held)
				sched_yield();
		}
		CHECK(__atomic_load_n(&shared_counter, __ATOMIC_RELAXED) == its_copy);
		if (writing) {
			shared_counter++;
			if ((state >> 32 & 63) == 0)
				sched_yield();
			its_copy++;
			writes++;
		} else if ((state >> 32 & 63) == 0) {
			sched_yield();
		}
		if (state >> 57 & 1)
			CHECK(!lp_form_pthread_rwlock_unlock(&rwlock));
		else
			CHECK(!pthread_rwlock_unlock(&rwlock));
	}
	return (void *)writes;
}

static void readers_and_writers(int preference)
{
	pthread_t threads[THREADS];
	uint64_t sum = 0;
	void *writes;

	make_rwlock(&rwlock, preference);
	shared_counter = its_copy = 0;
	for (uint64_t i = 0; i < THREADS; i++)
		CHECK(!pthread_create(&threads[i], NULL, read_and_write, (void *)i));
	for (int i = 0; i < THREADS; i++) {
		CHECK(!pthread_join(threads[i], &writes));
		sum += (uint64_t)writes;
	}
	CHECK(shared_counter == sum && its_copy == sum);
}

/* What a mutex says to a thread that does not hold it. */
static void *is_refused(void *of)
{
	pthread_mutex_t *held = of;
	bool tells = held->__data.__kind == PTHREAD_MUTEX_RECURSIVE ||
		     held->__data.__kind == PTHREAD_MUTEX_ERRORCHECK;

	if (lp_form_library.mutexes)
		lp_forms_attach();
	CHECK(lp_form_pthread_mutex_trylock(held) == EBUSY);
	if (tells)
		CHECK(lp_form_pthread_mutex_unlock(held) == EPERM);
	return NULL;
}

static void refusals(const struct kind *kind)
{
	pthread_t thread;

	make(&mutex, kind);
	CHECK(!lp_form_pthread_mutex_lock(&mutex));
	CHECK(!pthread_create(&thread, NULL, is_refused, &mutex));
	CHECK(!pthread_join(thread, NULL));
	CHECK(!pthread_mutex_unlock(&mutex));
}

/* A thread sleeps for the mutex: the form's unlock must wake it. */
static void *sleeps(void *unused)
{
	(void)unused;
	CHECK(!pthread_mutex_lock(&mutex));
	CHECK(!pthread_mutex_unlock(&mutex));
	return NULL;
}

static void wake(const struct kind *kind)
{
	pthread_t thread;

	make(&mutex, kind);
	CHECK(!lp_form_pthread_mutex_lock(&mutex));
	CHECK(!pthread_create(&thread, NULL, sleeps, NULL));
	while (__atomic_load_n(&mutex.__data.__lock, __ATOMIC_RELAXED) != 2)
		sched_yield();
	CHECK(!lp_form_pthread_mutex_unlock(&mutex));
	CHECK(!pthread_join(thread, NULL));
}

/* Locks of a child are its own thread's. */
static void child(void)
{
	static const struct kind checking = {"", PTHREAD_MUTEX_ERRORCHECK, false, false};

	CHECK(ENDS({
		      if (lp_form_library.mutexes)
			      lp_forms_attach();
		      make(&mutex, &checking);
		      CHECK(!lp_form_pthread_mutex_lock(&mutex));
		      CHECK(!pthread_mutex_unlock(&mutex));
	      }) == 0);
}

int main(int argc, char **argv)
{
	begin(argc, argv);
	CHECK(pthread_equal(lp_form_pthread_self(), pthread_self()));
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		states_of(&kinds[i]);
		if (kinds[i].inherits)
			continue;
		refusals(&kinds[i]);
		if (i < 3) {
			exclusion(&kinds[i]);
			wake(&kinds[i]);
		}
	}
	spin_states();
	CHECK(lp_form_library.rwlocks == lp_form_library.mutexes);
	for (int preference = 0; preference < 3; preference++) {
		rwlock_states(preference);
		readers_and_writers(preference);
	}
	child();
	return 0;
}
