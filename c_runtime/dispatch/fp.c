// SPDX-License-Identifier: GPL-2.0-only WITH GCC-exception-2.0
/*
 * Which floating-point and SIMD state this processor and kernel have switched on.
 */
#include <cpuid.h>

#include "lp_runtime.h"

uint64_t lp_fp_features;

void lp_fp_init(void)
{
	unsigned int eax, ebx, ecx, edx;

	if (!__get_cpuid(1, &eax, &ebx, &ecx, &edx) || !(ecx & bit_OSXSAVE))
		return;
	__asm__("xgetbv" : "=a"(eax), "=d"(edx) : "c"(0));
	lp_fp_features = (uint64_t)edx << 32 | eax;
	/* Leaf 13: ebx is the size of what is switched on. */
	__cpuid_count(13, 0, eax, ebx, ecx, edx);
	if (ebx > LP_SLOT_FP_SIZE)
		lp_refuse("raise LP_SLOT_FP_SIZE in c_runtime/dispatch/slot.h and build again",
			  "this processor has %u bytes of register state, a slot has room for %d",
			  ebx, LP_SLOT_FP_SIZE);
}
