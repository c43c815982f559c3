/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Between E's own stack and U's.
 *
 * E's stack while it is on U's; kernel_sp points to the lowest word:
 *
 *	+40	return address of lp_crossing_switch
 *	+32	%rbp
 *	+24	%rbx
 *	+16	%r12
 *	 +8	%r13
 *	  0	%r14
 *	 -8	%r15		<- kernel_sp
 *
 * EFLAGS.AC is set on U's stack and nowhere else: with SMAP, the kernel looks for a fix-up only
 * then. It is set and cleared through the flags register, because processors without SMAP lack
 * STAC and because objtool follows STAC, but not where we go with it.
 */
#include <linux/linkage.h>
#include <linux/objtool.h>
#include <asm/nospec-branch.h>
#include <asm/percpu.h>
#include <asm/processor-flags.h>

#include "crossing.h"

.macro SET_AC
	pushfq
	orq	$X86_EFLAGS_AC, (%rsp)
	popfq
.endm

/* And the direction, which C code wants so. */
.macro CLEAR_AC
	pushfq
	andq	$~(X86_EFLAGS_AC | X86_EFLAGS_DF), (%rsp)
	popfq
.endm

	.text

/* u64 lp_crossing_switch(crossing, top, function, a, b, c): in the section, function(a, b, c). */
SYM_FUNC_START(lp_crossing_switch)
	push	%rbp
	mov	%rsp, %rbp
	push	%rbx
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	mov	%rsp, LP_CROSSING_KERNEL_SP(%rdi)
	mov	%rdx, %rax			/* function */
	mov	%rcx, %rdi			/* a */
	mov	%rsi, %r10			/* top */
	mov	%r8, %rsi			/* b */
	mov	%r9, %rdx			/* c */
	mov	%r10, %rsp			/* on U's stack */
	SET_AC
	CALL_NOSPEC rax
	CLEAR_AC
	lea	-5*8(%rbp), %rsp		/* back on E's, below what was pushed */
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%rbx
	pop	%rbp
	RET
SYM_FUNC_END(lp_crossing_switch)

/*
 * void lp_crossing_abort(crossing): lp_crossing_switch returns at once. The section has been left;
 * AC is clear.
 */
STACK_FRAME_NON_STANDARD lp_crossing_abort
SYM_FUNC_START(lp_crossing_abort)
	mov	LP_CROSSING_KERNEL_SP(%rdi), %rsp
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%rbx
	pop	%rbp
	RET
SYM_FUNC_END(lp_crossing_abort)

/*
 * From fix-ups, on U's stack: the address that faulted is above the return address. All registers
 * and flags are as before when they return.
 */
.macro FETCH name write
SYM_FUNC_START(\name)
	push	%rbp
	mov	%rsp, %rbp
	pushfq
	push	%rax
	push	%rcx
	push	%rdx
	push	%rsi
	push	%rdi
	push	%r8
	push	%r9
	push	%r10
	push	%r11
	CLEAR_AC
	mov	PER_CPU_VAR(lp_crossing_here), %rdi
	mov	16(%rbp), %rsi			/* address */
	mov	$\write, %edx
	mov	LP_CROSSING_KERNEL_SP(%rdi), %rsp
	and	$~15, %rsp
	call	lp_crossing_fetch
	lea	-10*8(%rbp), %rsp		/* on U's stack, in the section again */
	pop	%r11
	pop	%r10
	pop	%r9
	pop	%r8
	pop	%rdi
	pop	%rsi
	pop	%rdx
	pop	%rcx
	pop	%rax
	popfq					/* with AC */
	pop	%rbp
	RET
SYM_FUNC_END(\name)
.endm

FETCH lp_crossing_read 0
FETCH lp_crossing_write 1

/* On U's stack: a system call, by the kernel's convention. %rcx and %r11 are lost, as always. */
SYM_FUNC_START(lp_crossing_syscall)
	push	%rbp
	mov	%rsp, %rbp
	CLEAR_AC
	mov	PER_CPU_VAR(lp_crossing_here), %rcx
	mov	LP_CROSSING_KERNEL_SP(%rcx), %r11
	and	$~15, %r11
	mov	%r11, %rsp			/* on E's stack: struct lp_call_registers */
	sub	$LP_CALL_ROOM, %rsp
	mov	%rax, LP_CALL_NUMBER(%rsp)
	mov	%rdi, LP_CALL_ARGUMENT(0)(%rsp)
	mov	%rsi, LP_CALL_ARGUMENT(1)(%rsp)
	mov	%rdx, LP_CALL_ARGUMENT(2)(%rsp)
	mov	%r10, LP_CALL_ARGUMENT(3)(%rsp)
	mov	%r8, LP_CALL_ARGUMENT(4)(%rsp)
	mov	%r9, LP_CALL_ARGUMENT(5)(%rsp)
	mov	%rcx, %rdi
	mov	%rsp, %rsi
	call	lp_crossing_kernel_call
	mov	%rbp, %rsp			/* on U's stack, in the section again */
	SET_AC
	pop	%rbp
	RET
SYM_FUNC_END(lp_crossing_syscall)

	.section .note.GNU-stack, "", @progbits
