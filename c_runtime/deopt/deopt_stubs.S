/* SPDX-License-Identifier: GPL-2.0-only WITH GCC-exception-2.0 */
/*
 * Leaving Elite. The stubs in Elite's text do `pushq $site; jmp lp_deopt` (thesis 3.2: all
 * registers go to the slot's own stack).
 *
 *	stack at entry		struct lp_registers, from %rsp
 *	  the Elite frame	  r15 r14 r13 r12 rbp rbx r11 … rax
 *	  site  ◀── %rsp	  flags
 *				  site, later the target
 *
 * Vector and x87 registers are not touched: the C code behind is compiled without them.
 */
#include "dispatch/slot.h"
#include "lp_parameters.h"
#include "lp_verbs.h"

	.text
	needs_driver
.macro leave_by name, decide
begin_function \name
	.cfi_startproc
	.cfi_signal_frame /* the site's address is exact, not one behind a call */
	returns_to_site
	save_registers
	/* (slot, target) = \decide(&registers): Elite may leave at any alignment of the stack */
	mov %rsp, %rdi
	mov %rsp, %rbx
	.cfi_def_cfa_register rbx
	and $-16, %rsp
	cld
	call \decide
	/* registers->target = target; here, and not in C: from now on unwinders look for that. */
	mov %rdx, LP_REGISTERS_SITE(%rbx)
	returns_to_target
#if LP_QUEUE
	/* if (slot) the request is queued, and its caller goes on */
	test %rax, %rax
	jnz lp_park
#endif
	mov %rbx, %rsp
	.cfi_def_cfa_register rsp
	restore_registers
	go_on_at_target
	.cfi_endproc
end_function \name
.endm

	leave_by lp_deopt, lp_leave
#if LP_STRESS
/* Stress builds only: the same from a check, which may also go on in Elite. */
	leave_by lp_force, lp_force_or_go_on
#endif

	.section .note.GNU-stack, "", @progbits
