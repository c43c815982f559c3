/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef HASH_H
#define HASH_H

#include <stddef.h>
#include <stdint.h>

/* FNV-1a, 32 bits (Fowler, Noll, Vo). */
uint32_t hash_bytes(const char *bytes, size_t length);

#endif
