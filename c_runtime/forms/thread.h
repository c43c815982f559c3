/* SPDX-License-Identifier: GPL-2.0-only WITH GCC-exception-2.0 */
/*
 * What forms of library calls (forms/) have to know of the thread that they run in, and of its C
 * library. User space finds it out (kernel_side/forms.c) before a thread first runs in the kernel;
 * where something is not known, forms leave their work to the library.
 */
#ifndef LP_FORMS_THREAD_H
#define LP_FORMS_THREAD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define LP_FORMS_HIDDEN __attribute__((visibility("hidden")))

struct lp_cache;

/* Of one thread. The library's own thread-local variables are reached by way of its tables, which
 * kernel text can't do. All zero: not known. */
struct lp_form_thread {
	int *errno_location;
	const unsigned short **ctype_b; /* what __ctype_b_loc() and its kin return */
	const int32_t **ctype_tolower;
	const int32_t **ctype_toupper;
	unsigned long self;    /* pthread_self() */
	struct lp_cache *heap; /* of our own allocator; NULL: the program has another */
	pid_t tid;
	pid_t pid;
};

extern __thread struct lp_form_thread lp_form_thread __attribute__((tls_model("local-exec")))
LP_FORMS_HIDDEN;

/* Of the program and its library. */
struct lp_form_library {
	bool mutexes;	 /* pthread mutexes are as forms know them */
	bool spin_locks; /* the same of spin locks */
	bool rwlocks;	 /* the same of its locks of readers and writers */
	bool cancels;	 /* the program may call pthread_cancel */
	/* What the zone is called that gmtime_r() gives; NULL: it was not called yet, or counts
	 * leap seconds. */
	const char *greenwich;
};

extern struct lp_form_library lp_form_library LP_FORMS_HIDDEN;

/* Find out about the library; once, before any thread attaches. */
LP_FORMS_HIDDEN void lp_forms_start(void);
/* The same for the calling thread; again after a fork. Changes errno. */
LP_FORMS_HIDDEN void lp_forms_attach(void);

#endif
