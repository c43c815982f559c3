/* SPDX-License-Identifier: GPL-2.0-only WITH GCC-exception-2.0 */
/*
 * From the Fallback to Elite in the kernel, and back (docs/kernel.md).
 *
 * An entry does `pushq $fallback; pushq $entry; jmp lp_kernel_enter` (from a loop's head, with all
 * registers live) or comes by lp_request_to_kernel. Then
 *
 *	stack at entry			struct lp_registers, from %rsp
 *	  the frame			  all registers and flags
 *	  fallback			  target
 *	  entry  ◀── %rsp		  (goes to lp_kernel_entry first)
 *
 * While E runs on this stack, or on the slot that this is, U waits elsewhere: a loop's U further
 * down on the same stack, a request's U on the stack of whoever made it.
 *
 *	register	holds
 *	%rbx		struct lp_registers
 *	%rbp		the FXSAVE area, and struct lp_run behind it
 */
#include "kernel_side/kernel.h"
#include "lp_parameters.h"
#include "dispatch/slot.h"
#include "lp_verbs.h"

/* Call-frame information: struct lp_registers is where the run has it, since E may have used this
 * stack and come back with another one. DW_CFA_def_cfa_expression: DW_OP_breg6 (%rbp) run.registers;
 * DW_OP_deref; DW_OP_plus_uconst LP_REGISTERS_SIZE. */
.macro frame_is_that_of_run
	.set lp_place, LP_FX_SIZE + LP_KERNEL_RUN_REGISTERS
	.cfi_escape 0x0f, 7, 0x76, (lp_place & 0x7f) | 0x80, lp_place >> 7, 0x06, 0x23, (LP_REGISTERS_SIZE & 0x7f) | 0x80, LP_REGISTERS_SIZE >> 7
.endm

	.weak lp_request_kernel_entry
	.hidden lp_request_kernel_entry
	.weak lp_request_fallback
	.hidden lp_request_fallback

	.text
	needs_driver
begin_function lp_kernel_enter
	.cfi_startproc
	.cfi_signal_frame /* the target's address is exact, not one behind a call */
	.cfi_def_cfa rsp, 16
	popq %fs:lp_kernel_entry@tpoff
	.cfi_adjust_cfa_offset -8
	save_registers
	mov %rsp, %rbx
	.cfi_def_cfa_register rbx
	lea -LP_KERNEL_LOOP_STACK(%rsp), %rsp
	jmp .Lcross
	.cfi_endproc
end_function lp_kernel_enter

/* On a slot, called by lp_enter_request_kernel: its head lies above our return address. */
begin_function lp_request_to_kernel
	.cfi_startproc
	.cfi_signal_frame
	pushq $lp_request_fallback
	/* The calling frame is now lp_request_fallback's, at its first instruction. */
	movq $lp_request_kernel_entry, %fs:lp_kernel_entry@tpoff
	save_registers
#if LP_QUEUE
	/* The caller's registers, for when the request is queued. */
	.set lp_place, LP_REGISTERS_SIZE+8+LP_SLOT_CALLER_SAVED
	.irp register, rbx, rbp, r12, r13, r14, r15
	mov %\register, lp_place(%rsp)
	.set lp_place, lp_place + 8
	.endr
#endif
	mov %rsp, %rbx
	.cfi_def_cfa_register rbx
	mov LP_REGISTERS_SIZE+8+LP_SLOT_CALLER_RSP(%rsp), %rsp
.Lcross:
	/* (registers, slot) = lp_kernel_run(registers, fp, run) */
	lea -(LP_FX_SIZE + LP_KERNEL_RUN_SIZE)(%rsp), %rsp
	and $-64, %rsp
	mov %rsp, %rbp
	fxsave64 (%rbp)
	mov %rbx, LP_FX_SIZE+LP_KERNEL_RUN_REGISTERS(%rbp)
	frame_is_that_of_run
	mov %rbx, %rdi
	mov %rbp, %rsi
	lea LP_FX_SIZE(%rbp), %rdx
	cld
	call lp_kernel_run
	fxrstor64 (%rbp)
#if LP_QUEUE
	/* if (slot) the request is queued, and its caller goes on */
	test %rdx, %rdx
	cmovnz %rdx, %rax
	jnz lp_park
#endif
	mov %rax, %rsp
	.cfi_def_cfa rsp, LP_REGISTERS_SIZE
	restore_registers
	go_on_at_target
	.cfi_endproc
end_function lp_request_to_kernel

/* Elite had claimed the slot for a request, and could not go on: the request runs without. */
begin_function lp_request_without_slot
	.cfi_startproc
	mov %fs:lp_own_slot@tpoff, %r11
	movq $0, LP_SLOT_CALLER_RSP(%r11)
	movl $1, %fs:lp_own_idle@tpoff
	jmp lp_request_fallback
	.cfi_endproc
end_function lp_request_without_slot

	.section .note.GNU-stack, "", @progbits
