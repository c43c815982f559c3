// SPDX-License-Identifier: GPL-2.0
/*
 * Locks that nobody holds, with what glibc writes to them (nptl/pthread_mutex_{lock,unlock}.c from
 * 2.34 on, sysdeps/x86_64/nptl/pthread_spin_*.S). All else is left to the library, which finds
 * things as if the form had not been called. lp_forms.c looks whether the library is as here.
 */
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
