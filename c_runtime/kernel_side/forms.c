// SPDX-License-Identifier: GPL-2.0-only WITH GCC-exception-2.0
/*
 * What forms of library calls must know of the program, its C library and its threads
 * (forms/thread.h). Whether the library's locks are those that forms know is found out by trying:
 * its version says less, and a program may bring a library of its own.
 */
#include <ctype.h>
#include <errno.h>
#include <pthread.h>
#include <unistd.h>

#include "forms/thread.h"
#include "dispatch/imports.h"

__thread struct lp_form_thread lp_form_thread;
struct lp_form_library lp_form_library;

/* Of our own allocator, where the program has it. */
extern struct lp_cache *lp_heap_thread_cache(void) __attribute__((weak, visibility("hidden")));

/* -- locks ------------------------------------------------------------------------------------- */

#ifdef __GLIBC__
enum { NO_ELISION = 512 }; /* in a mutex's kind; changes nothing else */

static bool holds(const pthread_mutex_t *mutex, int lock, unsigned int count, int owner,
		  unsigned int users)
{
	return mutex->__data.__lock == lock && mutex->__data.__count == count &&
	       mutex->__data.__owner == owner && mutex->__data.__nusers == users;
}

/* Whether a mutex of `kind` goes through the states that forms/locks.c gives it. */
static bool mutex_is_known(int kind)
{
	pthread_mutexattr_t attributes;
	pthread_mutex_t mutex;
	pid_t tid = gettid();
	int made;
	unsigned int counts = kind == PTHREAD_MUTEX_RECURSIVE;
	bool known;

	if (pthread_mutexattr_init(&attributes) || pthread_mutexattr_settype(&attributes, kind) ||
	    pthread_mutex_init(&mutex, &attributes))
		return false;
	made = mutex.__data.__kind;
	known = (made & ~NO_ELISION) == kind && holds(&mutex, 0, 0, 0, 0) &&
		!pthread_mutex_lock(&mutex) && holds(&mutex, 1, counts, tid, 1) &&
		mutex.__data.__kind == made;
	if (known && counts)
		known = !pthread_mutex_lock(&mutex) && holds(&mutex, 1, 2, tid, 1) &&
			!pthread_mutex_unlock(&mutex) && holds(&mutex, 1, 1, tid, 1);
	known = !pthread_mutex_unlock(&mutex) && known && holds(&mutex, 0, 0, 0, 0);
	pthread_mutex_destroy(&mutex);
	pthread_mutexattr_destroy(&attributes);
	return known;
}

static bool mutexes_are_known(void)
{
	return mutex_is_known(PTHREAD_MUTEX_TIMED_NP) &&
	       mutex_is_known(PTHREAD_MUTEX_RECURSIVE_NP) &&
	       mutex_is_known(PTHREAD_MUTEX_ERRORCHECK_NP) &&
	       mutex_is_known(PTHREAD_MUTEX_ADAPTIVE_NP);
}

static bool is_in_state(const pthread_rwlock_t *lock, unsigned int readers, unsigned int phase,
			unsigned int writers_futex, int writer)
{
	return lock->__data.__readers == readers && lock->__data.__writers == 0 &&
	       lock->__data.__wrphase_futex == phase &&
	       lock->__data.__writers_futex == writers_futex && lock->__data.__cur_writer == writer;
}

/* Whether a lock of readers and writers goes through the states that forms/locks.c gives it. */
static bool rwlocks_are_known(void)
{
	pthread_rwlock_t lock = PTHREAD_RWLOCK_INITIALIZER;
	pid_t tid = gettid();
	bool known;

	known = is_in_state(&lock, 0, 0, 0, 0) && !pthread_rwlock_rdlock(&lock) &&
		is_in_state(&lock, 8, 0, 0, 0) && !pthread_rwlock_unlock(&lock) &&
		is_in_state(&lock, 0, 0, 0, 0) && !pthread_rwlock_wrlock(&lock) &&
		is_in_state(&lock, 3, 1, 1, tid) && !pthread_rwlock_unlock(&lock) &&
		is_in_state(&lock, 1, 1, 0, 0) && !pthread_rwlock_rdlock(&lock) &&
		is_in_state(&lock, 8, 0, 0, 0) && !pthread_rwlock_unlock(&lock);
	pthread_rwlock_destroy(&lock);
	return known;
}
#else
static bool mutexes_are_known(void)
{
	return false;
}

static bool rwlocks_are_known(void)
{
	return false;
}
#endif

static bool spin_locks_are_known(void)
{
	pthread_spinlock_t lock;
	bool known;

	if (pthread_spin_init(&lock, PTHREAD_PROCESS_PRIVATE))
		return false;
	known = lock == 1 && !pthread_spin_lock(&lock) && lock == 0 &&
		!pthread_spin_unlock(&lock) && lock == 1;
	pthread_spin_destroy(&lock);
	return known;
}

/* -- cancellation ------------------------------------------------------------------------------ */

/* In a program that is linked statically, there if something uses it. */
extern int pthread_cancel(pthread_t thread) __attribute__((weak));

/* ---------------------------------------------------------------------------------------------- */

void lp_forms_start(void)
{
	lp_form_library.mutexes = mutexes_are_known();
	lp_form_library.rwlocks = rwlocks_are_known();
	lp_form_library.spin_locks = spin_locks_are_known();
	lp_form_library.cancels = lp_imports("pthread_cancel", true, pthread_cancel != NULL);
}

void lp_forms_attach(void)
{
	lp_form_thread.errno_location = &errno;
#ifdef __GLIBC__
	lp_form_thread.ctype_b = __ctype_b_loc();
	lp_form_thread.ctype_tolower = __ctype_tolower_loc();
	lp_form_thread.ctype_toupper = __ctype_toupper_loc();
#endif
	lp_form_thread.self = pthread_self();
	lp_form_thread.heap = lp_heap_thread_cache ? lp_heap_thread_cache() : NULL;
	lp_form_thread.tid = gettid();
	lp_form_thread.pid = getpid();
}
