/* SPDX-License-Identifier: GPL-2.0-only */
/* As much of the kernel's <linux/types.h> as the heap's core may use. */
#ifndef STUB_LINUX_TYPES_H
#define STUB_LINUX_TYPES_H

typedef unsigned char uint8_t;
typedef unsigned short uint16_t;
typedef unsigned int uint32_t;
typedef unsigned long uint64_t;
typedef unsigned long uintptr_t;
typedef unsigned long size_t;
typedef _Bool bool;
enum { false = 0, true = 1 };
#define NULL ((void *)0)

#endif
