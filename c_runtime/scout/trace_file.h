/* SPDX-License-Identifier: GPL-2.0-only WITH GCC-exception-2.0 */
/*
 * The file that a surveyed or scouted program writes, for its process and all that are forked from
 * it. It is made and mapped before the program begins, so nothing that the program does later can
 * take it away: other users, another root or working folder, descriptors that are closed.
 *
 * The file has a length in advance and no blocks there: it costs what it holds. Nothing here calls
 * malloc: the allocator may itself be scouted.
 */
#ifndef LP_TRACE_FILE_H
#define LP_TRACE_FILE_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum { LP_TRACE_WINDOW = 1 << 30 }; /* what is mapped of it; it grows no larger */

/* The beginning of the file; all integers little-endian. The tables (JSON) follow the header that
 * begins with this. */
struct lp_trace_head {
	char magic[8];
	uint32_t version;
	uint32_t pid; /* of the process that began the file */
	uint64_t tables_size;
	uint64_t size;	   /* atomic: of the file, as far as anyone has made it */
	uint32_t attached; /* atomic: processes that may still write; at 0, it is done for good */
	uint32_t failed;   /* atomic: the first process that gave up; 0: none */
	char failure[256]; /* what it said, NUL at the end */
};

struct lp_trace_file {
	/* Given. */
	const char *kind;   /* "trace" */
	const char *suffix; /* "lpt" */
	/* Where it is; in path also when it could not be made. */
	char path[PATH_MAX];
	unsigned char *window; /* NULL: there is none */
	uint64_t taken;	       /* up to here this process has seen blocks */
	int fd;		       /* while it is of this device and inode: the program may close it */
	dev_t device;
	ino_t inode;
	char folder[PATH_MAX];
	bool folder_cut_off;
	bool folder_default;
	int folder_fd;
	dev_t folder_device;
	ino_t folder_inode;
};

/* Which folder; to be told at the start, since servers change their own, and their environment. */
void lp_trace_choose(struct lp_trace_file *file);

/* Make the file, and map it. Returns 0, or -1 with errno, and then there is no file. */
int lp_trace_create(struct lp_trace_file *file);

/* Make sure that bytes `begin` up to `end` can be written: a full disk is an error here and not a
 * SIGBUS later. Returns 0, or -1 with errno. */
int lp_trace_reserve(struct lp_trace_file *file, uint64_t begin, uint64_t end);

/* Whether somebody has removed the file (as far as can be seen: not without its descriptor). */
bool lp_trace_removed(const struct lp_trace_file *file);

/* A child is about to be forked: it will write too. */
void lp_trace_fork(struct lp_trace_file *file);

/* This process was forked without lp_trace_fork. Returns false if the file is done for good. */
bool lp_trace_join(struct lp_trace_file *file);

/* This process writes no more. The last one cuts the file off at `used`, or removes one that is
 * `empty` and in which nobody says why. */
void lp_trace_leave(struct lp_trace_file *file, uint64_t used, bool empty);

/* Close and remove what was made, before anyone wrote to it. */
void lp_trace_discard(struct lp_trace_file *file);

/* Leave a message in the file, for the tools, if it is the first. */
void lp_trace_note_failure(struct lp_trace_file *file, const char *message);

#endif
