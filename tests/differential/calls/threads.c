// SPDX-License-Identifier: GPL-2.0-only
/* Threads that end within a request: below Elite frames, by pthread_exit and by cancellation. */
#include <pthread.h>
#include <unistd.h>

#include "calls.h"

static int cleaned;

static void clean(void *what)
{
	__atomic_fetch_add(&cleaned, *(int *)what, __ATOMIC_RELAXED);
}

PLAIN void leave_thread(int n)
{
	if (n % 3 == 0)
		pthread_exit((void *)(long)(n + 1));
	if (n % 3 == 1) {
		pthread_cancel(pthread_self());
		pthread_testcancel();
	}
}

static __attribute__((noinline)) int below(int n)
{
	int seven = 7;

	pthread_cleanup_push(clean, &seven);
	leave_thread(n);
	pthread_cleanup_pop(1);
	return n;
}

int request(int n)
{
	return below(n) + 1;
}

static void *thread(void *number)
{
	int n = *(int *)number, one = 1;

	pthread_cleanup_push(clean, &one);
	answers[n] = request(n);
	pthread_cleanup_pop(1);
	return NULL;
}

int main(void)
{
	for (int n = 0; n < REQUESTS; n++) {
		pthread_t id;
		void *result;

		pthread_create(&id, NULL, thread, &n);
		pthread_join(id, &result);
		if (result)
			answers[n] = result == PTHREAD_CANCELED ? -1 : 100 + (long)result;
		printf("%d: %ld\n", n, answers[n]);
	}
	printf("cleaned: %d\n", cleaned);
	return 0;
}
