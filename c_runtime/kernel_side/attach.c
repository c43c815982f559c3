// SPDX-License-Identifier: GPL-2.0-only WITH GCC-exception-2.0
/*
 * U's side of Elite in the kernel (docs/kernel.md; thesis 3.7): whether it can be, and a thread's
 * other body, E, which it makes when it first enters.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lakeplacid.h"
#include "forms/thread.h"
#include "kernel_side/kernel.h"
#include "lp_parameters.h"

#define DEVICE "/dev/lakeplacid"

/* Where our descriptors are, if there may be so many: out of the way of the program's own. */
enum { FIRST_DESCRIPTOR = 600 };

LP_KERNEL_TLS struct lp_body lp_body;
struct lp_shut_out lp_shut_out;
static struct lp_body *bodies; /* of all threads, for a forked child */
static pthread_mutex_t bodies_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_key_t thread_end_key;
static struct lp_attach identity;
/* Kept for threads and children that are still to come, when we may be somebody else. */
static int device = -1;
static dev_t device_number;
static pthread_mutex_t device_lock = PTHREAD_MUTEX_INITIALIZER;

/* -- who we are -------------------------------------------------------------------------------- */

static int find_build_id(struct dl_phdr_info *info, size_t size, void *data)
{
	uint8_t *id = data;

	(void)size;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *header = &info->dlpi_phdr[i];
		const char *at = (const char *)info->dlpi_addr + header->p_vaddr;
		const char *end = at + header->p_memsz;

		while (header->p_type == PT_NOTE && at + sizeof(ElfW(Nhdr)) <= end) {
			const ElfW(Nhdr) *note = (const ElfW(Nhdr) *)at;
			const char *name = at + sizeof(*note);
			const char *content = name + ((note->n_namesz + 3) & ~3u);

			if (note->n_type == NT_GNU_BUILD_ID && note->n_namesz == 4 &&
			    !memcmp(name, "GNU", 4) && note->n_descsz == LP_BUILD_ID_SIZE) {
				memcpy(id, content, LP_BUILD_ID_SIZE);
				return 1;
			}
			at = content + ((note->n_descsz + 3) & ~3u);
		}
	}
	return -1; /* the program is the first; nobody else is asked */
}

/* The name that `lp build --kernel` gave to the module: the executable's own. */
static bool find_name(char *name)
{
	const char *chosen = secure_getenv("LP_KERNEL_NAME");
	char path[4096];
	ssize_t length;
	char *base;

	if (chosen && *chosen)
		return snprintf(name, LP_NAME_SIZE, "%s", chosen) < LP_NAME_SIZE;
	length = readlink("/proc/self/exe", path, sizeof(path) - 1);
	if (length < 0)
		return false;
	path[length] = 0;
	base = strrchr(path, '/');
	base = base ? base + 1 : path;
	/* A program that was built again while it runs. */
	if (strlen(base) > 10 && !strcmp(base + strlen(base) - 10, " (deleted)"))
		base[strlen(base) - 10] = 0;
	return snprintf(name, LP_NAME_SIZE, "%s", base) < LP_NAME_SIZE;
}

static void put_hex(char *to, const uint8_t *id)
{
	for (int i = 0; i < LP_BUILD_ID_SIZE; i++)
		sprintf(to + 2 * i, "%02x", id[i]);
}

static void explain(struct lp_kernel_problem *why, int error, const struct lp_attach *attach)
{
	char ours[2 * LP_BUILD_ID_SIZE + 1], theirs[2 * LP_BUILD_ID_SIZE + 1];

	switch (error) {
	case ENOENT:
		snprintf(why->what, sizeof(why->what), "no module for %s is loaded", identity.name);
		why->remedy = "lp build --kernel and lp load make and load it";
		break;
	case ESTALE:
		put_hex(ours, identity.build_id);
		put_hex(theirs, attach->build_id);
		snprintf(why->what, sizeof(why->what),
			 "the module that is loaded for %s is of build %s, this is build %s",
			 identity.name, theirs, ours);
		why->remedy = "run lp build --kernel and lp load again";
		break;
	case EOPNOTSUPP:
		snprintf(why->what, sizeof(why->what),
			 "the kernel separates address spaces (LASS)");
		why->remedy = "boot with lass=off";
		break;
	default:
		snprintf(why->what, sizeof(why->what), "cannot attach to " DEVICE ": %s",
			 strerror(error));
		why->remedy = "the kernel's log may tell more";
	}
}

/* -- the device -------------------------------------------------------------------------------- */

static int out_of_the_way(int fd)
{
	int high = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, FIRST_DESCRIPTOR);

	if (high < 0)
		return fd;
	close(fd);
	return high;
}

static bool open_device(void)
{
	struct stat status;

	device = out_of_the_way(open(DEVICE, O_RDWR | O_CLOEXEC));
	if (device < 0 || fstat(device, &status))
		return false;
	device_number = status.st_rdev;
	return true;
}

/* Programs close what they do not know, and open other things by the same number. */
static bool has_device(void)
{
	struct stat status;

	return device >= 0 && !fstat(device, &status) && S_ISCHR(status.st_mode) &&
	       status.st_rdev == device_number;
}

static int open_session(void)
{
	int fd = -1;

	pthread_mutex_lock(&device_lock);
	if (has_device() || open_device())
		fd = ioctl(device, LP_IOC_OPEN, 0);
	pthread_mutex_unlock(&device_lock);
	return out_of_the_way(fd);
}

/* A session that is attached to this program's module, or -1. */
static int attached_session(struct lp_kernel_problem *why)
{
	struct lp_attach attach = identity;
	int fd = open_session();

	if (fd < 0) {
		snprintf(why->what, sizeof(why->what), DEVICE ": %s", strerror(errno));
		why->remedy = errno == ENOENT
				  ? "lp load loads the driver"
				  : "be root, or of the driver's group (lp load --group)";
		return -1;
	}
	if (ioctl(fd, LP_IOC_ATTACH, &attach)) {
		explain(why, errno, &attach);
		close(fd);
		return -1;
	}
	return fd;
}

bool lp_kernel_available(struct lp_kernel_problem *why)
{
	int fd;

	identity.protocol = LP_PROTOCOL;
	if (!find_name(identity.name)) {
		snprintf(why->what, sizeof(why->what), "this program's name is too long");
		why->remedy = "set LP_KERNEL_NAME to the name of the module";
		return false;
	}
	if (dl_iterate_phdr(find_build_id, identity.build_id) != 1) {
		snprintf(why->what, sizeof(why->what), "this program has no build id");
		why->remedy = "build it with lp build";
		return false;
	}
	fd = attached_session(why);
	if (fd < 0)
		return false;
	close(fd);
	return true;
}

/* -- attaching --------------------------------------------------------------------------------- */

static void list(struct lp_body *one)
{
	pthread_mutex_lock(&bodies_lock);
	one->next = bodies;
	bodies = one;
	pthread_mutex_unlock(&bodies_lock);
}

static void unlist(struct lp_body *one)
{
	struct lp_body **at;

	pthread_mutex_lock(&bodies_lock);
	for (at = &bodies; *at && *at != one; at = &(*at)->next)
		;
	if (*at)
		*at = one->next;
	pthread_mutex_unlock(&bodies_lock);
}

/* A child that says nothing when it ends has to be waited for all the same. */
static void bury(pid_t pid)
{
	while (waitpid(pid, NULL, __WCLONE) < 0 && errno == EINTR)
		;
}

void lp_kernel_detach(struct lp_body *one, bool close_it)
{
	ioctl(one->fd, LP_IOC_DETACH, 0);
	if (close_it)
		close(one->fd);
	if (one->child)
		bury(one->child);
	one->state = LP_BODY_FRESH;
	unlist(one);
}

static void thread_ends(void *value)
{
	struct lp_body *one = value;

	if (one->state == LP_BODY_ATTACHED)
		lp_kernel_detach(one, true);
	one->state = LP_BODY_PLAIN;
}

static uint64_t own_stack_low(void)
{
	pthread_attr_t attributes;
	void *low = NULL;
	size_t size;

	if (pthread_getattr_np(pthread_self(), &attributes))
		return 0;
	if (pthread_attr_getstack(&attributes, &low, &size))
		low = NULL;
	pthread_attr_destroy(&attributes);
	return (uint64_t)low;
}

/* -- E ----------------------------------------------------------------------------------------- */

struct birth {
	int fd;	    /* of the session */
	pid_t body; /* E, or -1 */
	bool there; /* it serves */
};

/* Make E and wait for it. A debugger would wait for it to stop, which it does not. */
static int make_body(void *argument)
{
	struct birth *birth = argument;
	struct lp_enter enter = {0};
	struct lp_await await = {0};

	birth->body =
	    (pid_t)syscall(SYS_clone, CLONE_FILES | CLONE_FS | CLONE_UNTRACED, 0, 0, 0, 0);
	if (birth->body == 0) {
		ioctl(birth->fd, LP_IOC_ENTER, &enter);
		_exit(1);
	}
	await.pid = birth->body;
	birth->there = birth->body > 0 && ioctl(birth->fd, LP_IOC_AWAIT, &await) == 0;
	return 0;
}

/* Who reaps orphans, itself or as the first process of a container, would find E all the same. */
static bool reaps_orphans(void)
{
	int reaper = 0;

	return getpid() == 1 || prctl(PR_GET_CHILD_SUBREAPER, &reaper) || reaper;
}

/*
 * Programs and their tools look for a server's children: redis's own tests kill the first one,
 * which they take for the one that saves. So E is not one: it is made by a child that ends at once,
 * on our memory (as vfork() makes one; glibc's posix_spawn does the same) and a stack of its own.
 */
static void make_orphan(struct birth *birth)
{
	char stack[4096] __attribute__((aligned(16)));
	pid_t maker =
	    clone(make_body, stack + sizeof(stack),
		  CLONE_VM | CLONE_VFORK | CLONE_FILES | CLONE_FS | CLONE_UNTRACED, birth);

	if (maker > 0)
		bury(maker);
}

/* The count goes up last: whoever looks on reads a reason that is whole. */
static void shut_out(const char *why)
{
	pthread_mutex_lock(&bodies_lock);
	if (!lp_shut_out.threads)
		snprintf(lp_shut_out.why, sizeof(lp_shut_out.why), "%s", why);
	__atomic_fetch_add(&lp_shut_out.threads, 1, __ATOMIC_RELEASE);
	pthread_mutex_unlock(&bodies_lock);
}

static bool try_to_attach(void)
{
	struct lp_kernel_problem why;
	struct birth birth;
	sigset_t all, old;
	bool orphan;
	int fd;

	lp_body.state = LP_BODY_PLAIN;
	fd = attached_session(&why);
	if (fd < 0) {
		shut_out(why.what);
		return false;
	}
	if (pthread_setspecific(thread_end_key, &lp_body)) {
		shut_out("no memory to know when the thread ends");
		close(fd);
		return false;
	}
	/* No handler of the application's is to run in E before it leaves user space. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	birth = (struct birth){.fd = fd, .body = -1};
	orphan = !reaps_orphans();
	if (orphan)
		make_orphan(&birth);
	else
		make_body(&birth);
	if (birth.there) {
		lp_body.fd = fd;
		lp_body.child = orphan ? 0 : birth.body;
		lp_body.state = LP_BODY_ATTACHED;
		lp_body.stack_low = own_stack_low();
		lp_forms_attach();
		list(&lp_body);
	} else {
		shut_out("its other body could not be made");
		close(fd);
		if (!orphan && birth.body > 0)
			bury(birth.body);
	}
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return lp_body.state == LP_BODY_ATTACHED;
}

bool lp_kernel_attach(void)
{
	int saved_errno = errno;
	bool attached = try_to_attach();

	errno = saved_errno;
	return attached;
}

void lp_kernel_forked(void)
{
	pthread_mutex_init(&bodies_lock, NULL);
	pthread_mutex_init(&device_lock, NULL);
	/* Files of the parent's sessions: a copy holds nothing up, but is of no use. */
	for (struct lp_body *one = bodies; one; one = one->next) {
		close(one->fd);
		one->state = LP_BODY_FRESH;
	}
	bodies = NULL;
	/* Its one thread is as it was in the parent. */
	lp_shut_out.threads = lp_body.state == LP_BODY_PLAIN;
}

void lp_kernel_start(void)
{
	int error = pthread_key_create(&thread_end_key, thread_ends);

	if (error)
		lp_refuse("free one", "no thread-specific data key: %s", strerror(error));
	lp_forms_start();
	if (!LP_CANCELLATION)
		lp_form_library.cancels = false;
	if (lp_loop_enters) {
		lp_entries_enabled = 2;
		return;
	}
	lp_request_target = lp_enter_request_kernel;
}
