// SPDX-License-Identifier: GPL-2.0-only
/* What belongs to a thread: a request that takes it gives it back in the same thread. */
#include <locale.h>
#include <pthread.h>
#include <signal.h>

#include "calls.h"

static pthread_rwlock_t lock = PTHREAD_RWLOCK_INITIALIZER;
static int cleaned;

static void clean(void *what)
{
	cleaned += *(int *)what;
}

/* Where a stress build may leave, between taking and giving back. */
static __attribute__((noinline)) int between(int n)
{
	return abs(n - 4) + 1;
}

static __attribute__((noinline)) int locked(int n)
{
	int result;

	pthread_rwlock_wrlock(&lock);
	result = between(n);
	pthread_rwlock_unlock(&lock);
	if (pthread_rwlock_trywrlock(&lock))
		return -1;
	result += between(n);
	pthread_rwlock_unlock(&lock);
	flockfile(stderr);
	result += between(n);
	funlockfile(stderr);
	return result;
}

static __attribute__((noinline)) int masked(int n)
{
	sigset_t some, before;
	int result;

	sigemptyset(&some);
	sigaddset(&some, SIGUSR2);
	pthread_sigmask(SIG_BLOCK, &some, &before);
	result = between(n);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	sigprocmask(SIG_BLOCK, &some, &before);
	result += between(n);
	sigprocmask(SIG_SETMASK, &before, NULL);
	return result;
}

static __attribute__((noinline)) int kept_alive(int n)
{
	int state, type, result;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
	pthread_setcanceltype(PTHREAD_CANCEL_DEFERRED, &type);
	result = between(n);
	pthread_setcanceltype(type, NULL);
	pthread_setcancelstate(state, NULL);
	return result;
}

static __attribute__((noinline)) int cleaned_up(int n)
{
	int result, one = 1;

	pthread_cleanup_push(clean, &one);
	result = between(n);
	pthread_cleanup_pop(1);
	return result;
}

static __attribute__((noinline)) int in_locale(int n)
{
	locale_t mine = newlocale(LC_ALL_MASK, "C", NULL), before = uselocale(mine);
	int result = between(n);

	uselocale(before);
	freelocale(mine);
	return result;
}

int request(int n)
{
	int result = locked(n);

	result = result * 10 + masked(n);
	result = result * 10 + kept_alive(n);
	result = result * 10 + cleaned_up(n);
	return answer(n, result * 10 + in_locale(n));
}

/* What this thread has got of it. */
static void look(void)
{
	sigset_t mask;
	int state;

	pthread_sigmask(SIG_BLOCK, NULL, &mask);
	pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, &state);
	printf("masked: %d, cancellation: %d, locale: %d, files: %d, locks: %d\n",
	       sigismember(&mask, SIGUSR2), state == PTHREAD_CANCEL_ENABLE,
	       uselocale(NULL) == LC_GLOBAL_LOCALE, ftrylockfile(stderr),
	       pthread_rwlock_trywrlock(&lock));
	printf("cleaned: %d\n", cleaned);
}

static void *thread(void *unused)
{
	serve();
	look();
	return unused;
}

/* In a thread, whose end runs what handlers are left to it. */
int main(void)
{
	pthread_t id;

	pthread_create(&id, NULL, thread, NULL);
	pthread_join(id, NULL);
	return 0;
}
