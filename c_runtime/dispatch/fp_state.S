/* SPDX-License-Identifier: GPL-2.0-only WITH GCC-exception-2.0 */
/*
 * All floating-point, SIMD and control state that the processor has, to memory and back.
 *
 *	lp_fp_save(area), lp_fp_restore(area)
 *
 * lp_fp_features says what XSAVE is to save; zero: the processor has only FXSAVE. Both save x87
 * (with its control word) and MXCSR. Changes %rax, %rdx and the flags.
 */
#include "dispatch/slot.h"
#include "lp_verbs.h"

	.text
begin_function lp_fp_save
	.cfi_startproc
	mov lp_fp_features(%rip), %eax
	mov lp_fp_features+4(%rip), %edx
	test %rax, %rax
	jz 1f
	xsave64 (%rdi)
	ret
1:	fxsave64 (%rdi)
	ret
	.cfi_endproc
end_function lp_fp_save

begin_function lp_fp_restore
	.cfi_startproc
	mov lp_fp_features(%rip), %eax
	mov lp_fp_features+4(%rip), %edx
	test %rax, %rax
	jz 1f
	xrstor64 (%rdi)
	ret
1:	fxrstor64 (%rdi)
	ret
	.cfi_endproc
end_function lp_fp_restore

	.section .note.GNU-stack, "", @progbits
