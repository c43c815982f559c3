/* SPDX-License-Identifier: GPL-2.0-only */
/* What differs between the kernels that we build for, in one place. */
#ifndef _LP_COMPAT_H
#define _LP_COMPAT_H

#include <linux/mm.h>
#include <linux/version.h>

/* 6.3 made vm_flags read-only (bc292ab00f6c), so that its lock can be checked. */
static inline void lp_vm_flags_set(struct vm_area_struct *vma, unsigned long flags)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 3, 0)
	vm_flags_set(vma, flags);
#else
	vma->vm_flags |= flags;
#endif
}

/* 6.5 took the array of areas away (ca5e863233e8). */
static inline long lp_get_user_page_remote(struct mm_struct *mm, unsigned long address,
					   unsigned int flags, struct page **page, int *locked)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 5, 0)
	return get_user_pages_remote(mm, address, 1, flags, page, locked);
#else
	return get_user_pages_remote(mm, address, 1, flags, page, NULL, locked);
#endif
}

#endif
