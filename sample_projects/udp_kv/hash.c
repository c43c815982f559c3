// SPDX-License-Identifier: GPL-2.0-only
#include "hash.h"

uint32_t hash_bytes(const char *bytes, size_t length)
{
	uint32_t hash = 2166136261u;

	for (size_t i = 0; i < length; i++) {
		hash ^= (unsigned char)bytes[i];
		hash *= 16777619u;
	}
	return hash;
}
