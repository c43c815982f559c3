/* SPDX-License-Identifier: GPL-2.0-only WITH GCC-exception-2.0 */
/*
 * Instruction idioms of the runtime's assembly, as macros named for what they do.
 *
 * Included by .S files only (after dispatch/slot.h).
 */
#ifndef LP_VERBS_H
#define LP_VERBS_H

/* A function's frame for debuggers and the linker. */
.macro begin_function name
	.globl \name
	.hidden \name
	.type \name, @function
	.p2align 4
\name:
.endm

.macro end_function name
	.size \name, .-\name
.endm

/* Whoever needs this object needs the driver, which sets everything up: have the linker take it out
 * of the archive. */
.macro needs_driver
	.pushsection .rodata.lp_driver_needed, "a", @progbits
	.quad lp_driver
	.popsection
.endm

/* Call-frame information: this frame's CFA is 8 above what caller_rsp of the slot at %rsp holds.
 * DW_CFA_def_cfa_expression: DW_OP_breg7 (%rsp) LP_SLOT_CALLER_RSP; DW_OP_deref;
 * DW_OP_plus_uconst 8. Unwinders thus cross from the slot to the stack of whoever entered. */
.macro cfa_is_callers_by_slot_at_rsp
	.cfi_escape 0x0f, 5, 0x77, LP_SLOT_CALLER_RSP, 0x06, 0x23, 0x08
.endm

/* The same where the slot is in a register (DWARF number: 0 %rax, 3 %rbx), and holds the
 * callee-saved registers too: DW_CFA_expression. */
.macro cfa_is_callers_by_slot_in base
	.cfi_escape 0x0f, 5, 0x70 + \base, LP_SLOT_CALLER_RSP, 0x06, 0x23, 0x08
	.set lp_place, LP_SLOT_CALLER_SAVED
	.irp number, 3, 6, 12, 13, 14, 15
	.cfi_escape 0x10, \number, 3, 0x70 + \base, (lp_place & 0x7f) | 0x80, lp_place >> 7
	.set lp_place, lp_place + 8
	.endr
.endm

/* The same where a thread resumed the slot at %rsp: its registers lie above its %rsp. */
.macro cfa_is_resumers_by_slot_at_rsp
	.cfi_escape 0x0f, 5, 0x77, LP_SLOT_CALLER_RSP, 0x06, 0x23, LP_SAVED_SIZE + 8
	callee_saved_are_pushed
.endm

.macro callee_saved_are_pushed
	.set lp_place, -16
	.irp register, rbx, rbp, r12, r13, r14, r15
	.cfi_offset \register, lp_place
	.set lp_place, lp_place - 8
	.endr
.endm

/* At a function's entry and end; LP_SAVED_SIZE bytes, so %rsp stays 8 off 16. */
.macro push_callee_saved
	.irp register, rbx, rbp, r12, r13, r14, r15
	push %\register
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset \register, 0
	.endr
.endm

.macro pop_callee_saved
	.irp register, r15, r14, r13, r12, rbp, rbx
	pop %\register
	.cfi_adjust_cfa_offset -8
	.cfi_restore \register
	.endr
.endm

/* All general registers and the flags, as struct lp_registers at %rsp. Changes nothing but %rsp;
 * the site lies on the stack already. The flags come first: nothing has touched them yet. A
 * debugger's trap flag (bit 8), if it steps here, is not to come back when it has gone. */
.macro save_registers
	pushfq
	.cfi_adjust_cfa_offset 8
	andb $0xfe, 1(%rsp)
	.irp register, rax, rcx, rdx, rsi, rdi, r8, r9, r10, r11, rbx, rbp, r12, r13, r14, r15
	push %\register
	.cfi_adjust_cfa_offset 8
	.endr
	registers_are_saved
.endm

/* The opposite; leaves %rsp at the target that stands in the site's place. */
.macro restore_registers
	pop_callee_saved
	.irp register, r11, r10, r9, r8, rdi, rsi, rdx, rcx, rax
	pop %\register
	.cfi_adjust_cfa_offset -8
	.endr
	popfq
	.cfi_adjust_cfa_offset -8
.endm

/* Drop the target at %rsp and go there, with all registers and flags as they are. The kernel leaves
 * 128 bytes below %rsp alone when it delivers a signal, so the target is safe where it lies. */
.macro go_on_at_target
	lea 8(%rsp), %rsp
	.cfi_adjust_cfa_offset -8
	jmp *-8(%rsp)
.endm

/* Call-frame information inside lp_deopt and friends, where struct lp_registers is being pushed. The
 * calling "frame" is the Elite function's, as the Fallback knows it: the CFA is its %rsp, right
 * behind the site that the stub pushed, and the return address is site->fallback, where the frame is
 * the same. Unwinders may come between any two instructions: each push and pop tells its part.
 * Return address: DW_CFA_val_expression 16, with the CFA on the expression's stack: DW_OP_lit8;
 * DW_OP_minus; DW_OP_deref; DW_OP_deref. */
.macro returns_to_site
	.cfi_escape 0x16, 16, 4, 0x38, 0x1c, 0x06, 0x06
.endm

/* The same when the target stands in the site's place. */
.macro returns_to_target
	.cfi_offset 16, -8
.endm

/* Where the callee-saved registers are, once struct lp_registers is whole. */
.macro registers_are_saved
	.set lp_place, -LP_REGISTERS_SIZE
	.irp register, r15, r14, r13, r12, rbp, rbx
	.cfi_offset \register, lp_place
	.set lp_place, lp_place + 8
	.endr
.endm

/* The registers that can carry arguments (rax: the count of vector registers of a variadic call).
 * At a function's entry these eight leave %rsp aligned as they found it: 8 off 16. */
#define LP_ARGUMENTS_SAVED (8 * 8)
.macro save_argument_registers
	.irp register, rax, rcx, rdx, rsi, rdi, r8, r9, r10
	push %\register
	.cfi_adjust_cfa_offset 8
	.endr
.endm

.macro restore_argument_registers
	.irp register, r10, r9, r8, rdi, rsi, rdx, rcx, rax
	pop %\register
	.cfi_adjust_cfa_offset -8
	.endr
.endm

#endif
