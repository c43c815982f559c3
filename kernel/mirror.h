/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _LP_MIRROR_H
#define _LP_MIRROR_H

#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/mmu_notifier.h>
#include <linux/sizes.h>
#include <linux/spinlock.h>
#include <linux/wait.h>

/* Below lies what no process may map (mmap_min_addr), above what none maps without asking. */
#define LP_MIRROR_START SZ_64K
#define LP_MIRROR_END (DEFAULT_MAP_WINDOW & PAGE_MASK)

/* The stack that E was entered on, and the slot that its request is on. */
enum { LP_STACK_ENTERED, LP_STACK_SLOT, LP_STACKS };

/* All of it is in memory while E may be on it; low == top: there is none. */
struct lp_stack {
	unsigned long low;
	unsigned long top;
};

/*
 * U's address space as E sees it: one mapping of E's, filled on demand with U's pages, without the
 * user bit, so that neither SMAP nor an interrupt on such a stack minds.
 *
 * lock orders three things against invalidations: that a page went in (sequence number of the
 * notifier), that E went on a stack (active), and that the stack's pages were there (generation).
 */
struct lp_mirror {
	struct mmu_interval_notifier notifier;
	struct mm_struct *mm; /* U's, grabbed */
	bool watching;	      /* the notifier is in */
	void (*gone)(struct lp_mirror *mirror);

	/* The file's own, so that unmapping finds this E's area and no other. */
	struct address_space mapping;

	spinlock_t lock;
	wait_queue_head_t left;
	bool active;			   /* E is in the atomic section */
	struct lp_stack stacks[LP_STACKS]; /* those that it may be on */
	u64 generation;			   /* changes when a page of them may have gone */
	unsigned int zapping;		   /* invalidations on their way to the pages */

	atomic64_t faults;
	atomic64_t upgrades;
	atomic64_t retries;
	atomic64_t invalidations;
};

void lp_mirror_prepare(struct lp_mirror *mirror, struct file *file);
int lp_mirror_watch(struct lp_mirror *mirror, struct mm_struct *mm,
		    void (*gone)(struct lp_mirror *mirror));
void lp_mirror_release(struct lp_mirror *mirror);

void lp_mirror_area(struct lp_mirror *mirror, struct vm_area_struct *vma);
int lp_mirror_enter(struct file *file);
int lp_mirror_populate(unsigned long address, bool write);

void lp_mirror_set_stack(struct lp_mirror *mirror, unsigned int which, struct lp_stack stack);
u64 lp_mirror_generation(struct lp_mirror *mirror);
int lp_mirror_settle(struct lp_mirror *mirror, u64 *generation);
bool lp_mirror_activate(struct lp_mirror *mirror, u64 generation);
void lp_mirror_deactivate(struct lp_mirror *mirror);

#endif
