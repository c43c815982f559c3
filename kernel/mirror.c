// SPDX-License-Identifier: GPL-2.0-only
/* The supervisor mirror of U's address space. */
#include <linux/mman.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>

#include "compat.h"
#include "mirror.h"

/* Held inside of another mapping's lock, when a page of U's file is unmapped everywhere. */
static struct lock_class_key mapping_lock;

/* Before anything else is done with the file: give it a mapping of its own. */
void lp_mirror_prepare(struct lp_mirror *mirror, struct file *file)
{
	spin_lock_init(&mirror->lock);
	init_waitqueue_head(&mirror->left);
	address_space_init_once(&mirror->mapping);
	lockdep_set_class(&mirror->mapping.i_mmap_rwsem, &mapping_lock);
	mirror->mapping.host = file_inode(file);
	mirror->mapping.a_ops = file->f_mapping->a_ops;
	file->f_mapping = &mirror->mapping;
}

/* Whether E may be on a stack that a range of addresses has a part of. */
static bool is_under_foot(struct lp_mirror *mirror, unsigned long start, unsigned long end)
{
	unsigned int i;

	for (i = 0; i < LP_STACKS; i++)
		if (start < mirror->stacks[i].top && end > mirror->stacks[i].low)
			return true;
	return false;
}

static bool invalidate(struct mmu_interval_notifier *notifier,
		       const struct mmu_notifier_range *range, unsigned long sequence)
{
	struct lp_mirror *mirror = container_of(notifier, struct lp_mirror, notifier);
	unsigned long start = max_t(unsigned long, range->start, LP_MIRROR_START);
	unsigned long end = min_t(unsigned long, range->end, LP_MIRROR_END);
	bool under_foot;

	if (!mmu_notifier_range_blockable(range))
		return false;
	atomic64_inc(&mirror->invalidations);
	spin_lock(&mirror->lock);
	mmu_interval_set_seq(notifier, sequence);
	under_foot = is_under_foot(mirror, start, end);
	if (under_foot)
		WRITE_ONCE(mirror->generation, mirror->generation + 1);
	mirror->zapping++;
	spin_unlock(&mirror->lock);
	/*
	 * The page that E stands on can't be taken away: its next push, or the next interrupt's,
	 * would be a double fault. E leaves the section soon, and comes back onto this stack only
	 * after lp_mirror_settle().
	 */
	if (under_foot) {
		/* Pairs with the one in lp_mirror_activate(). */
		smp_mb();
		wait_event(mirror->left, !smp_load_acquire(&mirror->active));
	}
	if (start < end)
		unmap_mapping_range(&mirror->mapping, start, end - start, 1);
	spin_lock(&mirror->lock);
	mirror->zapping--;
	spin_unlock(&mirror->lock);
	if (wq_has_sleeper(&mirror->left))
		wake_up_all(&mirror->left);
	if (range->event == MMU_NOTIFY_RELEASE)
		mirror->gone(mirror);
	return true;
}

static const struct mmu_interval_notifier_ops notifier_ops = {
    .invalidate = invalidate,
};

/*
 * Begin to follow the address space `mm`. gone() is called, where sleeping is not allowed to
 * matter, when it ends.
 */
int lp_mirror_watch(struct lp_mirror *mirror, struct mm_struct *mm,
		    void (*gone)(struct lp_mirror *mirror))
{
	int error;

	mirror->gone = gone;
	mirror->mm = mm;
	error = mmu_interval_notifier_insert(&mirror->notifier, mm, 0, ULONG_MAX, &notifier_ops);
	if (error)
		return error;
	mmgrab(mm);
	mirror->watching = true;
	return 0;
}

/* The file is released: no area of E's is left. */
void lp_mirror_release(struct lp_mirror *mirror)
{
	if (!mirror->watching)
		return;
	mmu_interval_notifier_remove(&mirror->notifier);
	mmdrop(mirror->mm);
	mirror->watching = false;
}

static vm_fault_t insert(struct vm_area_struct *vma, unsigned long address, struct page *page,
			 bool write)
{
	pgprot_t prot =
	    __pgprot((pgprot_val(vma->vm_page_prot) & ~(_PAGE_USER | _PAGE_RW)) | _PAGE_ACCESSED);

	if (write)
		prot = __pgprot(pgprot_val(prot) | _PAGE_RW | _PAGE_DIRTY);
	return vmf_insert_pfn_prot(vma, address, page_to_pfn(page), prot);
}

/* One try to map U's page at `address`; *stale: U's memory changed meanwhile. */
static vm_fault_t map_once(struct lp_mirror *mirror, struct vm_area_struct *vma,
			   unsigned long address, bool write, bool *stale)
{
	unsigned long sequence = mmu_interval_read_begin(&mirror->notifier);
	struct page *page;
	vm_fault_t result;
	int locked = 1;
	long got;

	*stale = false;
	if (mmap_read_lock_killable(mirror->mm))
		return VM_FAULT_SIGSEGV;
	got = lp_get_user_page_remote(mirror->mm, address, write ? FOLL_WRITE : 0, &page, &locked);
	if (locked)
		mmap_read_unlock(mirror->mm);
	if (got != 1)
		return VM_FAULT_SIGSEGV;
	result = insert(vma, address, page, write);
	/*
	 * Inserting may allocate, and reclaim may invalidate: so it is done outside of the lock,
	 * and undone if it was late. Only E could have seen the page, and E is here.
	 */
	spin_lock(&mirror->lock);
	*stale = mmu_interval_read_retry(&mirror->notifier, sequence);
	spin_unlock(&mirror->lock);
	put_page(page);
	return result;
}

static vm_fault_t map(struct vm_area_struct *vma, unsigned long address, bool write)
{
	struct lp_mirror *mirror = vma->vm_private_data;
	vm_fault_t result;
	bool stale;

	if (!mmget_not_zero(mirror->mm))
		return VM_FAULT_SIGSEGV;
	atomic64_inc(&mirror->faults);
	for (;;) {
		result = map_once(mirror, vma, address, write, &stale);
		if (!stale)
			break;
		zap_vma_ptes(vma, address, PAGE_SIZE);
		atomic64_inc(&mirror->retries);
		if (fatal_signal_pending(current)) {
			result = VM_FAULT_SIGSEGV;
			break;
		}
		cond_resched();
	}
	/* The last reference takes the whole address space down, which waits for our page tables.
	 */
	mmput_async(mirror->mm);
	return result;
}

static vm_fault_t fault(struct vm_fault *vmf)
{
	return map(vmf->vma, vmf->address & PAGE_MASK, vmf->flags & FAULT_FLAG_WRITE);
}

/* A write to a page that is there to read. */
static vm_fault_t write_fault(struct vm_fault *vmf)
{
	struct lp_mirror *mirror = vmf->vma->vm_private_data;
	unsigned long address = vmf->address & PAGE_MASK;
	vm_fault_t result;

	atomic64_inc(&mirror->upgrades);
	zap_vma_ptes(vmf->vma, address, PAGE_SIZE);
	result = map(vmf->vma, address, true);
	/* The caller would go on with the entry that it knew. */
	return result ? result : VM_FAULT_NOPAGE;
}

static const struct vm_operations_struct area_ops = {
    .fault = fault,
    .pfn_mkwrite = write_fault,
};

/* Make the area that lp_mirror_enter() maps the mirror. */
void lp_mirror_area(struct lp_mirror *mirror, struct vm_area_struct *vma)
{
	lp_vm_flags_set(vma, VM_PFNMAP | VM_IO | VM_DONTEXPAND | VM_DONTDUMP | VM_DONTCOPY);
	vma->vm_private_data = mirror;
	vma->vm_ops = &area_ops;
}

/* In E: give up all that is mapped, and map the mirror of the session of `file`. */
int lp_mirror_enter(struct file *file)
{
	unsigned long length = LP_MIRROR_END - LP_MIRROR_START, at;
	int error = vm_munmap(0, TASK_SIZE);

	if (error)
		return error;
	at = vm_mmap(file, LP_MIRROR_START, length, PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_FIXED | MAP_NORESERVE, LP_MIRROR_START);
	return IS_ERR_VALUE(at) ? (int)at : 0;
}

/* In E, outside of the section: have the page at `address`. -EFAULT: U has none, or not so. */
int lp_mirror_populate(unsigned long address, bool write)
{
	bool unlocked = false;
	int error;

	if (address < LP_MIRROR_START || address >= LP_MIRROR_END)
		return -EFAULT;
	if (mmap_read_lock_killable(current->mm))
		return -EINTR;
	error = fixup_user_fault(current->mm, address, write ? FAULT_FLAG_WRITE : 0, &unlocked);
	mmap_read_unlock(current->mm);
	return error ? -EFAULT : 0;
}

/* Say which stack E will be on; none of its pages counts as there. */
void lp_mirror_set_stack(struct lp_mirror *mirror, unsigned int which, struct lp_stack stack)
{
	spin_lock(&mirror->lock);
	mirror->stacks[which] = stack;
	WRITE_ONCE(mirror->generation, mirror->generation + 1);
	spin_unlock(&mirror->lock);
}

u64 lp_mirror_generation(struct lp_mirror *mirror)
{
	return READ_ONCE(mirror->generation);
}

static bool settled(struct lp_mirror *mirror, u64 *generation)
{
	bool calm;

	spin_lock(&mirror->lock);
	calm = !mirror->zapping;
	*generation = mirror->generation;
	spin_unlock(&mirror->lock);
	return calm;
}

/*
 * Wait until no invalidation is on its way, which may have begun before the stack was known or
 * may yet take a page that is still there; then tell for which generation to fetch the stack.
 */
int lp_mirror_settle(struct lp_mirror *mirror, u64 *generation)
{
	return wait_event_killable(mirror->left, settled(mirror, generation)) ? -EINTR : 0;
}

/*
 * Begin the atomic section, if the stack's pages are still those of `generation`: then no
 * invalidation takes them before lp_mirror_deactivate(). Preemption is off when it succeeds.
 */
bool lp_mirror_activate(struct lp_mirror *mirror, u64 generation)
{
	preempt_disable();
	WRITE_ONCE(mirror->active, true);
	/* Pairs with the one in invalidate(): it sees us, or we see that the pages may be gone. */
	smp_mb();
	if (READ_ONCE(mirror->generation) == generation)
		return true;
	lp_mirror_deactivate(mirror);
	return false;
}

void lp_mirror_deactivate(struct lp_mirror *mirror)
{
	smp_store_release(&mirror->active, false);
	if (wq_has_sleeper(&mirror->left))
		wake_up_all(&mirror->left);
	preempt_enable();
}
