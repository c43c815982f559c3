/* SPDX-License-Identifier: GPL-2.0-only WITH GCC-exception-2.0 */
/*
 * The thesis's save_and_switch (section 3.2, Figure 3.3) and lp_likely, for comparison only.
 *
 *	int lp_thesis_save_and_switch(long params, long (*function)(long), void *stack)
 *
 * A frame on the original stack, all registers there, the stack pointer in a global and on the new
 * stack; 0: the request was processed.
 */
	.text
	.p2align 4
	.globl lp_thesis_save_and_switch
	.type lp_thesis_save_and_switch, @function
lp_thesis_save_and_switch:
	.cfi_startproc
	push %rbp
	.cfi_def_cfa_offset 16
	.cfi_offset rbp, -16
	mov %rsp, %rbp
	.cfi_def_cfa_register rbp
	.irp register, rax, rbx, rcx, rdx, rsi, rdi, r8, r9, r10, r11, r12, r13, r14, r15
	push %\register
	.endr
	/* elite_thread_rsp = %rsp; %rsp = stack; push the old one; call function(params) */
	mov %rsp, lp_thesis_elite_thread_rsp(%rip)
	mov %rdx, %rsp
	pushq lp_thesis_elite_thread_rsp(%rip)
	sub $8, %rsp
	call *%rsi
	add $8, %rsp
	pop %rsp
	.irp register, r15, r14, r13, r12, r11, r10, r9, r8, rdi, rsi, rdx, rcx, rbx, rax
	pop %\register
	.endr
	xor %eax, %eax
	pop %rbp
	.cfi_def_cfa rsp, 8
	ret
	.cfi_endproc
	.size lp_thesis_save_and_switch, .-lp_thesis_save_and_switch

/* long lp_thesis_likely(long condition): the thesis marks conditionals by external functions. */
	.p2align 4
	.globl lp_thesis_likely
	.type lp_thesis_likely, @function
lp_thesis_likely:
	mov %rdi, %rax
	ret
	.size lp_thesis_likely, .-lp_thesis_likely

	.section .note.GNU-stack, "", @progbits
