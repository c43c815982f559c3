// SPDX-License-Identifier: GPL-2.0-only WITH GCC-exception-2.0
/*
 * The file of a survey or a trace: where it is, how it grows, and when it is done.
 */
#include "scout/trace_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef LP_TRACE_DIR_DEFAULT
#define LP_TRACE_DIR_DEFAULT ".lp/traces"
#endif
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

/* AHEAD: what the file can grow by without a descriptor, once the program has closed it and can't
 * open it again. STEP: blocks are taken by so much. */
enum { AHEAD = 8 << 20, STEP = 16 << 10 };

static struct lp_trace_head *head(const struct lp_trace_file *file)
{
	return (struct lp_trace_head *)file->window;
}

/* The same file's descriptor, out of the way of the numbers that the program gets, as far as its
 * limits let. */
static int high_descriptor(int fd)
{
	int high = -1;

	if (fd < 0)
		return fd;
	for (int lowest = 1000; lowest > 100 && high < 0; lowest /= 2)
		high = fcntl(fd, F_DUPFD_CLOEXEC, lowest);
	if (high < 0)
		return fd;
	close(fd);
	return high;
}

/* -- the folder --------------------------------------------------------------------------------
 */

void lp_trace_choose(struct lp_trace_file *file)
{
	const char *folder = getenv("LP_TRACE_DIR");
	size_t length = 0;

	file->fd = -1;
	file->folder_fd = -1;
	file->folder_default = !folder || !*folder;
	if (file->folder_default)
		folder = LP_TRACE_DIR_DEFAULT;
	if (folder[0] != '/' && getcwd(file->folder, sizeof(file->folder) - 1)) {
		length = strlen(file->folder);
		file->folder[length++] = '/';
	}
	length +=
	    (size_t)snprintf(file->folder + length, sizeof(file->folder) - length, "%s", folder);
	file->folder_cut_off = length >= sizeof(file->folder);
}

/*
 * A program that root starts may go on as a user who can't reach the folder, and start itself once
 * more as that user. So root makes the folder writable for all, as /tmp is: the one that it made,
 * and the build's own each time, but no other folder that somebody has named.
 */
static void open_folder(struct lp_trace_file *file)
{
	bool made = mkdir(file->folder, 0777) == 0;
	int fd = open(file->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	struct stat found;

	if (fd >= 0 && geteuid() == 0 && (made || file->folder_default) && fstat(fd, &found) == 0 &&
	    (found.st_mode & 01777) != 01777)
		fchmod(fd, (found.st_mode & 07777) | 01777);
	if (fd < 0)
		fd = open(file->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	fd = high_descriptor(fd);
	if (fd < 0 || fstat(fd, &found) < 0)
		return; /* said where the file is to be made */
	file->folder_device = found.st_dev;
	file->folder_inode = found.st_ino;
	file->folder_fd = fd;
}

/* The folder's descriptor; else, or if the program closed it or somebody removed the folder, what
 * makes openat() take the path. */
static int folder_fd(const struct lp_trace_file *file)
{
	struct stat found;

	if (file->folder_fd >= 0 && fstat(file->folder_fd, &found) == 0 &&
	    found.st_dev == file->folder_device && found.st_ino == file->folder_inode &&
	    found.st_nlink > 0)
		return file->folder_fd;
	return AT_FDCWD;
}

/* What file->path is called as seen from the folder's descriptor. */
static const char *name_from(const struct lp_trace_file *file, int at)
{
	return at == AT_FDCWD ? file->path : strrchr(file->path, '/') + 1;
}

/* Others may write to the folder: no link of theirs is followed. */
static int open_file(const struct lp_trace_file *file, int flags)
{
	int at = folder_fd(file);

	return high_descriptor(
	    openat(at, name_from(file, at), O_RDWR | O_CLOEXEC | O_NOFOLLOW | flags, 0666));
}

/* -- the descriptor ----------------------------------------------------------------------------
 */

/* Whether the descriptor is still the file's: servers close what they don't know. */
static bool own_descriptor(const struct lp_trace_file *file)
{
	struct stat info;

	return file->fd >= 0 && fstat(file->fd, &info) == 0 && info.st_dev == file->device &&
	       info.st_ino == file->inode;
}

static int mend_descriptor(struct lp_trace_file *file)
{
	struct stat info;
	int fd;

	if (own_descriptor(file))
		return 0;
	file->fd = -1;
	fd = open_file(file, 0);
	if (fd < 0)
		return -1;
	if (fstat(fd, &info) < 0 || info.st_dev != file->device || info.st_ino != file->inode) {
		close(fd);
		errno = ENOENT;
		return -1;
	}
	file->fd = fd;
	return 0;
}

bool lp_trace_removed(const struct lp_trace_file *file)
{
	struct stat info;

	return own_descriptor(file) && fstat(file->fd, &info) == 0 && info.st_nlink == 0;
}

static void unlink_file(const struct lp_trace_file *file)
{
	int at = folder_fd(file);

	unlinkat(at, name_from(file, at), 0);
}

/* -- its length --------------------------------------------------------------------------------
 */

/* Make the file at least `end` bytes long, and rather a good deal longer. */
static int lengthen(struct lp_trace_file *file, uint64_t end)
{
	uint64_t size = end + AHEAD;
	uint64_t before = __atomic_load_n(&head(file)->size, __ATOMIC_RELAXED);
	struct rlimit limit;
	int error;

	if (mend_descriptor(file) < 0)
		return -1;
	if (size > LP_TRACE_WINDOW)
		size = LP_TRACE_WINDOW;
	/* To ask for more than the limit would be a SIGXFSZ. */
	if (getrlimit(RLIMIT_FSIZE, &limit) == 0 && size > limit.rlim_cur)
		size = limit.rlim_cur;
	if (end > size) {
		errno = EFBIG;
		return -1;
	}
	/* A block at the end: several processes may come here at once, and this never makes a file
	 * shorter. */
	do
		error = posix_fallocate(file->fd, (off_t)size - 1, 1);
	while (error == EINTR);
	if (error) {
		errno = error;
		return -1;
	}
	while (before < size &&
	       !__atomic_compare_exchange_n(&head(file)->size, &before, size, false,
					    __ATOMIC_RELEASE, __ATOMIC_RELAXED))
		;
	return 0;
}

/* Take blocks for a part of the file. */
static int take_blocks(struct lp_trace_file *file, uint64_t begin, uint64_t end)
{
	int error;

	if (madvise(file->window + begin, end - begin, MADV_POPULATE_WRITE) == 0)
		return 0;
	if (errno == EFAULT) /* a write would have been a SIGBUS */
		errno = ENOSPC;
	if (errno != EINVAL)
		return -1;
	/* Before Linux 5.14. */
	if (mend_descriptor(file) < 0)
		return -1;
	do
		error = posix_fallocate(file->fd, (off_t)begin, (off_t)(end - begin));
	while (error == EINTR);
	errno = error;
	return error ? -1 : 0;
}

int lp_trace_reserve(struct lp_trace_file *file, uint64_t begin, uint64_t end)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	uint64_t size;

	if (end > LP_TRACE_WINDOW) {
		errno = EFBIG;
		return -1;
	}
	if (end <= file->taken)
		return 0;
	if (end > __atomic_load_n(&head(file)->size, __ATOMIC_ACQUIRE) && lengthen(file, end) < 0)
		return -1;
	size = __atomic_load_n(&head(file)->size, __ATOMIC_ACQUIRE);
	begin = begin / page * page;
	end = (end + STEP - 1) / STEP * STEP;
	if (end > size) /* its last page is there as a whole */
		end = (size + page - 1) / page * page;
	if (take_blocks(file, begin, end) < 0)
		return -1;
	file->taken = end;
	return 0;
}

/* -- its life ----------------------------------------------------------------------------------
 */

/* Leaves file->path set on failure, too. */
static int create_file(struct lp_trace_file *file)
{
	struct stat info;
	int fd = -1;

	snprintf(file->path, sizeof(file->path), "%s", file->folder);
	if (file->folder_cut_off) {
		errno = ENAMETOOLONG;
		return -1;
	}
	if (folder_fd(file) == AT_FDCWD)
		open_folder(file);
	for (int serial = 0; fd < 0; serial++) {
		int length =
		    snprintf(file->path, sizeof(file->path), "%s/%s.%d.%d.%s", file->folder,
			     file->kind, (int)getpid(), serial, file->suffix);

		if (length >= (int)sizeof(file->path)) {
			errno = ENAMETOOLONG;
			return -1;
		}
		fd = open_file(file, O_CREAT | O_EXCL);
		if (fd < 0 && errno != EEXIST)
			return -1;
	}
	if (fstat(fd, &info) < 0) {
		close(fd);
		unlink_file(file);
		return -1;
	}
	file->device = info.st_dev;
	file->inode = info.st_ino;
	file->fd = fd;
	return 0;
}

int lp_trace_create(struct lp_trace_file *file)
{
	struct rlimit limit;
	void *window;
	int error;

	if (create_file(file) < 0)
		return -1;
	file->taken = 0;
	window = mmap(NULL, LP_TRACE_WINDOW, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE,
		      file->fd, 0);
	file->window = window == MAP_FAILED ? NULL : window;
	if (!file->window)
		goto failed;
	madvise(window, LP_TRACE_WINDOW, MADV_DONTDUMP);
	if (getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur < sizeof(struct lp_trace_head)) {
		errno = EFBIG;
		goto failed;
	}
	/* With a block: the length of the rest is in it. */
	error = posix_fallocate(file->fd, 0, sizeof(struct lp_trace_head));
	if (error) {
		errno = error;
		goto failed;
	}
	head(file)->size = sizeof(struct lp_trace_head);
	head(file)->attached = 1;
	return 0;
failed:
	error = errno;
	lp_trace_discard(file);
	errno = error;
	return -1;
}

void lp_trace_discard(struct lp_trace_file *file)
{
	unlink_file(file);
	if (file->window)
		munmap(file->window, LP_TRACE_WINDOW);
	if (own_descriptor(file))
		close(file->fd);
	file->window = NULL;
	file->fd = -1;
}

void lp_trace_fork(struct lp_trace_file *file)
{
	if (file->window)
		__atomic_fetch_add(&head(file)->attached, 1, __ATOMIC_RELAXED);
}

bool lp_trace_join(struct lp_trace_file *file)
{
	uint32_t attached = __atomic_load_n(&head(file)->attached, __ATOMIC_RELAXED);

	while (attached &&
	       !__atomic_compare_exchange_n(&head(file)->attached, &attached, attached + 1, false,
					    __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		;
	return attached != 0;
}

void lp_trace_leave(struct lp_trace_file *file, uint64_t used, bool empty)
{
	if (!file->window || __atomic_sub_fetch(&head(file)->attached, 1, __ATOMIC_ACQ_REL))
		return;
	if (empty && !head(file)->failed)
		unlink_file(file);
	/* What can't be cut off has a hole at its end, which costs nothing. */
	else if (mend_descriptor(file) == 0 && ftruncate(file->fd, (off_t)used) == 0)
		head(file)->size = used;
}

void lp_trace_note_failure(struct lp_trace_file *file, const char *message)
{
	uint32_t none = 0;

	if (!file->window ||
	    !__atomic_compare_exchange_n(&head(file)->failed, &none, (uint32_t)getpid(), false,
					 __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
		return;
	snprintf(head(file)->failure, sizeof(head(file)->failure), "%s", message);
}
