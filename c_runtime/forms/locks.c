// SPDX-License-Identifier: GPL-2.0-only WITH GCC-exception-2.0
/*
 * Locks that nobody holds, with what glibc writes to them (nptl/pthread_mutex_{lock,unlock}.c from
 * 2.34 on, sysdeps/x86_64/nptl/pthread_spin_*.S). All else is left to the library, which finds
 * things as if the form had not been called. kernel_side/forms.c looks whether the library is as
 * here.
 */
#include <limits.h>
#include <pthread.h>

#include "forms.h"

enum { FREE = 0, HELD = 1 }; /* 2: held, and waited for */
/* The kinds; and what changes nothing while nobody waits: that processes share the mutex, and that
 * it may not be elided. */
enum { NORMAL = 0, RECURSIVE = 1, ERRORCHECK = 2, ADAPTIVE = 3, SHARED = 128, NO_ELISION = 512 };

/* How often a spin lock is looked at before the library takes over. */
enum { SPINS = 1000 };

#ifdef __GLIBC__

/* The kind of a mutex that the forms know; -1: of another. */
static inline int kind_of(const pthread_mutex_t *mutex)
{
	int kind = __atomic_load_n(&mutex->__data.__kind, __ATOMIC_RELAXED);

	kind &= ~(SHARED | NO_ELISION);
	return kind >= NORMAL && kind <= ADAPTIVE && lp_form_library.mutexes && lp_form_thread.tid
		   ? kind
		   : -1;
}

/* Take a mutex that nobody holds. */
static inline bool take(pthread_mutex_t *mutex, int kind)
{
	int expected = FREE;

	if (!__atomic_compare_exchange_n(&mutex->__data.__lock, &expected, HELD, false,
					 __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
		return false;
	if (kind == RECURSIVE)
		mutex->__data.__count = 1;
	mutex->__data.__owner = lp_form_thread.tid;
	mutex->__data.__nusers++;
	return true;
}

/* Once more take a recursive mutex that the thread holds. */
static inline bool take_again(pthread_mutex_t *mutex, int kind)
{
	if (kind != RECURSIVE || mutex->__data.__owner != lp_form_thread.tid ||
	    mutex->__data.__count + 1 == 0)
		return false;
	mutex->__data.__count++;
	return true;
}

int lp_form_pthread_mutex_lock(pthread_mutex_t *mutex)
{
	int kind = kind_of(mutex);

	if (LIKELY(kind >= 0 && (take_again(mutex, kind) || take(mutex, kind))))
		return 0;
	return pthread_mutex_lock(mutex);
}

int lp_form_pthread_mutex_trylock(pthread_mutex_t *mutex)
{
	int kind = kind_of(mutex);

	if (UNLIKELY(kind < 0))
		return pthread_mutex_trylock(mutex);
	if (take_again(mutex, kind) || take(mutex, kind))
		return 0;
	if (kind == RECURSIVE && mutex->__data.__owner == lp_form_thread.tid)
		return pthread_mutex_trylock(mutex);
	return EBUSY;
}

int lp_form_pthread_mutex_unlock(pthread_mutex_t *mutex)
{
	int kind = kind_of(mutex), expected = HELD, owner;

	if (UNLIKELY(kind < 0))
		return pthread_mutex_unlock(mutex);
	owner = mutex->__data.__owner;
	if (kind == RECURSIVE || kind == ERRORCHECK) {
		if (UNLIKELY(owner != lp_form_thread.tid))
			return pthread_mutex_unlock(mutex);
		if (kind == RECURSIVE && mutex->__data.__count > 1) {
			mutex->__data.__count--;
			return 0;
		}
	}
	if (UNLIKELY(__atomic_load_n(&mutex->__data.__lock, __ATOMIC_RELAXED) != HELD))
		return pthread_mutex_unlock(mutex);
	if (kind == RECURSIVE)
		mutex->__data.__count = 0;
	mutex->__data.__owner = 0;
	mutex->__data.__nusers--;
	if (LIKELY(__atomic_compare_exchange_n(&mutex->__data.__lock, &expected, FREE, false,
					       __ATOMIC_RELEASE, __ATOMIC_RELAXED)))
		return 0;
	/* Someone waits since just now. It is still ours: put back what the library will take. */
	if (kind == RECURSIVE)
		mutex->__data.__count = 1;
	mutex->__data.__owner = owner;
	mutex->__data.__nusers++;
	return pthread_mutex_unlock(mutex);
}

/* -- locks of readers and writers: nptl/pthread_rwlock_common.c, from 2.25 on ------------------
 *
 * __readers counts the readers above three bits. In the write phase readers wait until a writer
 * hands over; while no writer has the lock either, the first reader begins the read phase.
 */

enum { WRITE_PHASE = 1, WRITE_LOCKED = 2, READERS_WAIT = 4, READER = 8 };

static inline bool rwlock_is_known(const pthread_rwlock_t *lock)
{
	return lp_form_library.rwlocks && lp_form_thread.tid &&
	       lock->__data.__flags == PTHREAD_RWLOCK_PREFER_READER_NP;
}

static inline bool is_ours(const pthread_rwlock_t *lock)
{
	return __atomic_load_n(&lock->__data.__cur_writer, __ATOMIC_RELAXED) == lp_form_thread.tid;
}

static inline bool change(pthread_rwlock_t *lock, unsigned int from, unsigned int to, int order)
{
	return __atomic_compare_exchange_n(&lock->__data.__readers, &from, to, false, order,
					   __ATOMIC_RELAXED);
}

enum { FUTEX_USED = 2, FUTEX_WAKE = 1, FUTEX_PRIVATE = 128 };

/* Set a word that others may sleep on, and wake `most` if some do: in user space, that is. */
static inline void tell(const pthread_rwlock_t *lock, unsigned int *word, unsigned int before,
			int most)
{
	int private = lock->__data.__shared ? 0 : FUTEX_PRIVATE;

	if (UNLIKELY(before & FUTEX_USED))
		lp_form_syscall(SYS_futex, (long)word, FUTEX_WAKE | private, most, 0, 0, 0);
}

static inline void begin_read_phase(pthread_rwlock_t *lock)
{
	unsigned int *phase = &lock->__data.__wrphase_futex;

	tell(lock, phase, __atomic_exchange_n(phase, 0, __ATOMIC_RELAXED), INT_MAX);
}

/* Whether the caller is a reader now; else nothing has changed. */
static inline bool read_lock(pthread_rwlock_t *lock)
{
	unsigned int readers;

	if (!rwlock_is_known(lock) || is_ours(lock))
		return false;
	for (;;) {
		readers = __atomic_load_n(&lock->__data.__readers, __ATOMIC_RELAXED);
		if (readers == WRITE_PHASE) {
			if (!change(lock, readers, READER, __ATOMIC_ACQUIRE))
				continue;
			begin_read_phase(lock);
			return true;
		}
		if (readers & WRITE_PHASE || readers >= 1u << 30)
			return false;
		if (change(lock, readers, readers + READER, __ATOMIC_ACQUIRE))
			return true;
	}
}

/* The same of the one writer. */
static inline bool write_lock(pthread_rwlock_t *lock)
{
	unsigned int readers;

	if (!rwlock_is_known(lock) || is_ours(lock))
		return false;
	readers = __atomic_load_n(&lock->__data.__readers, __ATOMIC_RELAXED);
	if (readers & ~WRITE_PHASE ||
	    !change(lock, readers, WRITE_PHASE | WRITE_LOCKED, __ATOMIC_ACQUIRE))
		return false;
	if (!readers)
		__atomic_store_n(&lock->__data.__wrphase_futex, 1, __ATOMIC_RELAXED);
	__atomic_store_n(&lock->__data.__writers_futex, 1, __ATOMIC_RELAXED);
	__atomic_store_n(&lock->__data.__cur_writer, lp_form_thread.tid, __ATOMIC_RELAXED);
	return true;
}

int lp_form_pthread_rwlock_rdlock(pthread_rwlock_t *lock)
{
	return LIKELY(read_lock(lock)) ? 0 : pthread_rwlock_rdlock(lock);
}

int lp_form_pthread_rwlock_wrlock(pthread_rwlock_t *lock)
{
	return LIKELY(write_lock(lock)) ? 0 : pthread_rwlock_wrlock(lock);
}

/* What is in the way of whoever does not wait. */
static inline bool is_busy(const pthread_rwlock_t *lock, bool to_write)
{
	unsigned int readers = __atomic_load_n(&lock->__data.__readers, __ATOMIC_RELAXED);

	if (!rwlock_is_known(lock))
		return false;
	return to_write ? readers & WRITE_LOCKED || readers >= READER
			: (~readers & (WRITE_PHASE | WRITE_LOCKED)) == 0;
}

int lp_form_pthread_rwlock_tryrdlock(pthread_rwlock_t *lock)
{
	if (is_busy(lock, false))
		return EBUSY;
	return LIKELY(read_lock(lock)) ? 0 : pthread_rwlock_tryrdlock(lock);
}

int lp_form_pthread_rwlock_trywrlock(pthread_rwlock_t *lock)
{
	if (is_busy(lock, true))
		return EBUSY;
	return LIKELY(write_lock(lock)) ? 0 : pthread_rwlock_trywrlock(lock);
}

static inline void write_unlock(pthread_rwlock_t *lock)
{
	unsigned int *futex = &lock->__data.__writers_futex, before, readers, after;

	__atomic_store_n(&lock->__data.__cur_writer, 0, __ATOMIC_RELAXED);
	before = __atomic_exchange_n(futex, 0, __ATOMIC_RELAXED);
	do {
		readers = __atomic_load_n(&lock->__data.__readers, __ATOMIC_RELAXED);
		after = readers ^ WRITE_LOCKED;
		if (readers >= READER)
			after ^= WRITE_PHASE;
	} while (!change(lock, readers, after, __ATOMIC_RELEASE));
	if (readers >= READER)
		begin_read_phase(lock);
	tell(lock, futex, before, 1);
}

static inline bool read_unlock(pthread_rwlock_t *lock)
{
	unsigned int readers = __atomic_load_n(&lock->__data.__readers, __ATOMIC_RELAXED);

	for (;;) {
		/* A writer may have to be told, or readers that let it go first. */
		if (readers & (READER - 1) || readers < READER)
			return false;
		if (change(lock, readers, readers - READER, __ATOMIC_RELEASE))
			return true;
		readers = __atomic_load_n(&lock->__data.__readers, __ATOMIC_RELAXED);
	}
}

int lp_form_pthread_rwlock_unlock(pthread_rwlock_t *lock)
{
	if (UNLIKELY(!rwlock_is_known(lock)))
		return pthread_rwlock_unlock(lock);
	if (is_ours(lock)) {
		write_unlock(lock);
		return 0;
	}
	return LIKELY(read_unlock(lock)) ? 0 : pthread_rwlock_unlock(lock);
}

#endif /* __GLIBC__ */

/* A spin lock is 1 while it is free; whoever waits counts it down further. */
static inline bool spin_take(pthread_spinlock_t *lock)
{
	int expected = 1;

	return __atomic_compare_exchange_n(lock, &expected, 0, false, __ATOMIC_ACQUIRE,
					   __ATOMIC_RELAXED);
}

int lp_form_pthread_spin_lock(pthread_spinlock_t *lock)
{
	if (LIKELY(lp_form_library.spin_locks)) {
		for (int spin = 0; spin < SPINS; spin++) {
			if (LIKELY(spin_take(lock)))
				return 0;
			__builtin_ia32_pause();
		}
	}
	return pthread_spin_lock(lock);
}

int lp_form_pthread_spin_trylock(pthread_spinlock_t *lock)
{
	if (UNLIKELY(!lp_form_library.spin_locks))
		return pthread_spin_trylock(lock);
	return spin_take(lock) ? 0 : EBUSY;
}

int lp_form_pthread_spin_unlock(pthread_spinlock_t *lock)
{
	if (UNLIKELY(!lp_form_library.spin_locks))
		return pthread_spin_unlock(lock);
	__atomic_store_n(lock, 1, __ATOMIC_RELEASE);
	return 0;
}

pthread_t lp_form_pthread_self(void)
{
	pthread_t known = lp_form_thread.self;

	return LIKELY(known) ? known : pthread_self();
}
