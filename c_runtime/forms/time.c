// SPDX-License-Identifier: GPL-2.0-only WITH GCC-exception-2.0
/*
 * Clocks, by system calls, and the calendar of Greenwich. Whatever fails is left to the library,
 * whose calls go by way of the vDSO and fail otherwise (a bad pointer is a SIGSEGV there).
 */
#include <limits.h>
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

/* -- the calendar ------------------------------------------------------------------------------ */

enum { DAY = 86400, DAYS_OF_400_YEARS = 146097 };

static inline void set_calendar(struct tm *to, time_t time, const char *zone)
{
	/* The year begins in March here, so that a leap day is its last. */
	long days = time / DAY, rest = time % DAY, era, year;
	unsigned int day, month, of_year;

	if (rest < 0) {
		rest += DAY;
		days--;
	}
	to->tm_wday = (int)((days % 7 + 7 + 4) % 7);
	days += 719468; /* from 1 March of the year 0 to 1 January 1970 */
	era = (days >= 0 ? days : days - DAYS_OF_400_YEARS + 1) / DAYS_OF_400_YEARS;
	day = (unsigned int)(days - era * DAYS_OF_400_YEARS);
	of_year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
	year = era * 400 + of_year;
	day -= 365 * of_year + of_year / 4 - of_year / 100;
	month = (5 * day + 2) / 153;
	to->tm_mday = (int)(day - (153 * month + 2) / 5 + 1);
	to->tm_mon = (int)(month < 10 ? month + 2 : month - 10);
	if (month >= 10) {
		year++;
		to->tm_yday = (int)day - 306;
	} else {
		bool leaps = (year % 4 == 0 && year % 100) || year % 400 == 0;

		to->tm_yday = (int)day + 59 + leaps;
	}
	to->tm_year = (int)(year - 1900);
	to->tm_hour = (int)(rest / 3600);
	to->tm_min = (int)(rest / 60 % 60);
	to->tm_sec = (int)(rest % 60);
	to->tm_isdst = 0;
	to->tm_gmtoff = 0;
	to->tm_zone = zone;
}

/*
 * The library's first call has effects of its own: it reads which zone is set. What its result
 * points to as the zone's name is known after that, and whether it counts leap seconds.
 */
struct tm *lp_form_gmtime_r(const time_t *restrict time, struct tm *restrict to)
{
	const char *zone = __atomic_load_n(&lp_form_library.greenwich, __ATOMIC_RELAXED);
	const time_t now = *time, year = 366 * (time_t)DAY;
	struct tm *result, ours;

	if (LIKELY(zone && now > year * INT_MIN / 2 && now < year * INT_MAX / 2)) {
		set_calendar(to, now, zone);
		return to;
	}
	result = gmtime_r(time, to);
	if (!result || now < 1800000000 - 10 * year || now > 1800000000 + 10 * year)
		return result;
	/* Recent enough for each leap second to count. */
	set_calendar(&ours, now, to->tm_zone);
	if (ours.tm_sec == to->tm_sec && ours.tm_min == to->tm_min)
		__atomic_store_n(&lp_form_library.greenwich, to->tm_zone, __ATOMIC_RELAXED);
	return result;
}
