// SPDX-License-Identifier: GPL-2.0
/*
 * Clocks, by system calls. Whatever fails is left to the library, whose calls go by way of the vDSO
 * and fail otherwise (a bad pointer is a SIGSEGV there).
 */
#include <sys/time.h>
#include <time.h>

#include "forms.h"

static inline long read_clock(clockid_t clock, struct timespec *now)
{
	return lp_form_syscall(SYS_clock_gettime, clock, (long)now, 0, 0, 0, 0);
}

/* Not those that count a thread's own time, or a process's: another runs here. */
static inline bool is_everyones(clockid_t clock)
{
	return clock >= CLOCK_REALTIME && clock <= CLOCK_BOOTTIME &&
	       clock != CLOCK_PROCESS_CPUTIME_ID && clock != CLOCK_THREAD_CPUTIME_ID;
}

int lp_form_clock_gettime(clockid_t clock, struct timespec *now)
{
	if (LIKELY(is_everyones(clock) && read_clock(clock, now) == 0))
		return 0;
	return clock_gettime(clock, now);
}

int lp_form_gettimeofday(struct timeval *restrict now, void *restrict zone)
{
	struct timespec precise;

	if (UNLIKELY(!now || zone || read_clock(CLOCK_REALTIME, &precise)))
		return gettimeofday(now, zone);
	now->tv_sec = precise.tv_sec;
	now->tv_usec = precise.tv_nsec / 1000;
	return 0;
}

/* The library's reads the clock of the last tick, too: the two must not go backwards. */
time_t lp_form_time(time_t *to)
{
	struct timespec now;

	if (UNLIKELY(read_clock(CLOCK_REALTIME_COARSE, &now)))
		return time(to);
	if (to)
		*to = now.tv_sec;
	return now.tv_sec;
}
