/* SPDX-License-Identifier: GPL-2.0-only WITH GCC-exception-2.0 */
/*
 * save_and_switch, the Fallback's side (thesis, Figure 3.6): the crossing puts this address in the
 * place of a queued request's outermost return address. When the request is done, we are here, with
 * %rsp at the slot's head, and go back to the thread that resumed it.
 *
 *	worker's stack, from caller_rsp		left there by lp_resume_execution
 *	  r15 r14 r13 r12 rbp rbx
 *	  return address
 */
#include "dispatch/slot.h"
#include "lp_verbs.h"

	.text
begin_function lp_fallback_return
	.cfi_startproc
	cfa_is_resumers_by_slot_at_rsp
	nop /* unwinders look at the instruction before a return address */
	.globl lp_fallback_exit
	.hidden lp_fallback_exit
lp_fallback_exit:
	/* %rsp = slot->caller_rsp; what the request returned is nobody's any more */
	mov LP_SLOT_CALLER_RSP(%rsp), %rsp
	.cfi_def_cfa rsp, LP_SAVED_SIZE + 8
	pop_callee_saved
	ret
	.cfi_endproc
end_function lp_fallback_return

	.section .note.GNU-stack, "", @progbits
