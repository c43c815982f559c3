/* SPDX-License-Identifier: GPL-2.0-only WITH GCC-exception-2.0 */
/*
 * resume_execution (thesis, Figure 3.5): go on, on this thread, with what is parked on a slot.
 *
 *	lp_resume_execution(slot): returns through lp_fallback_exit when the request is done
 *
 *	register	holds
 *	%rbx		the slot, once ours is saved
 */
#include "dispatch/slot.h"
#include "lp_verbs.h"

	.text
begin_function lp_resume_execution
	.cfi_startproc
	push_callee_saved
	/* slot->caller_rsp = %rsp; */
	mov %rdi, %rbx
	mov %rsp, LP_SLOT_CALLER_RSP(%rbx)
	/* The request's outermost frame returns to us, and not to the dispatch, which has gone on. */
	movq $lp_fallback_exit, -8(%rbx)
	/* Floating point first: it needs general registers. */
	lea LP_SLOT_FP(%rbx), %rdi
	sub $8, %rsp
	.cfi_adjust_cfa_offset 8
	call lp_fp_restore
	mov LP_SLOT_PARKED(%rbx), %rsp
	.cfi_endproc
	.cfi_startproc
	.cfi_signal_frame /* the target's address is exact, not one behind a call */
	.cfi_def_cfa rsp, LP_REGISTERS_SIZE
	registers_are_saved
	restore_registers
	go_on_at_target
	.cfi_endproc
end_function lp_resume_execution

	.section .note.GNU-stack, "", @progbits
