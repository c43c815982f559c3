/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Into Elite's text with a whole register file, and out of it by the imports of that text.
 *
 * E's own stack is as crossing_switch.S says. The imports come on U's stack, in the section, with
 * all registers and flags live, and with words on the stack that run.c reads:
 *
 *	deopt, fault, budget, force	site
 *	syscall, adopt			return address, site
 *	exit				none
 */
#include <linux/linkage.h>
#include <linux/objtool.h>
#include <asm/nospec-branch.h>
#include <asm/percpu.h>
#include <asm/processor-flags.h>

#include "crossing.h"
#include "run.h"

	.text

/* void lp_elite_start(crossing, registers): returns by lp_crossing_abort(). */
STACK_FRAME_NON_STANDARD lp_elite_start
SYM_FUNC_START(lp_elite_start)
	push	%rbp
	mov	%rsp, %rbp
	push	%rbx
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	mov	%rsp, LP_CROSSING_KERNEL_SP(%rdi)
	jmp	lp_elite_load
SYM_FUNC_END(lp_elite_start)

/* %rsi: struct lp_elite_registers. Flags and target go below %rsp, where nothing is live. */
STACK_FRAME_NON_STANDARD lp_elite_load
SYM_FUNC_START_LOCAL(lp_elite_load)
	mov	LP_RUN_REG_RSP(%rsi), %rax
	mov	LP_RUN_REG_TARGET(%rsi), %rcx
	mov	%rcx, -8(%rax)
	mov	LP_REGISTERS_FLAGS(%rsi), %rcx
	mov	%rcx, -16(%rax)
	lea	-16(%rax), %rsp
	mov	LP_REGISTERS_R15(%rsi), %r15
	mov	LP_REGISTERS_R14(%rsi), %r14
	mov	LP_REGISTERS_R13(%rsi), %r13
	mov	LP_REGISTERS_R12(%rsi), %r12
	mov	LP_REGISTERS_RBP(%rsi), %rbp
	mov	LP_REGISTERS_RBX(%rsi), %rbx
	mov	LP_REGISTERS_R11(%rsi), %r11
	mov	LP_REGISTERS_R10(%rsi), %r10
	mov	LP_REGISTERS_R9(%rsi), %r9
	mov	LP_REGISTERS_R8(%rsi), %r8
	mov	LP_REGISTERS_RDI(%rsi), %rdi
	mov	LP_REGISTERS_RDX(%rsi), %rdx
	mov	LP_REGISTERS_RCX(%rsi), %rcx
	mov	LP_REGISTERS_RAX(%rsi), %rax
	mov	LP_REGISTERS_RSI(%rsi), %rsi
	popfq					/* with AC */
	/* No return thunk: some change flags. */
	ANNOTATE_UNRET_SAFE
	ret
	int3
SYM_FUNC_END(lp_elite_load)

.macro SAVE register at
	mov	%\register, LP_RUN_REGISTERS + \at(%rdi)
.endm

/* The registers go where lp_elite_came() finds them: each system call comes by here. */
.macro CAME name how
STACK_FRAME_NON_STANDARD \name
SYM_FUNC_START(\name)
	push	%rdi
	pushfq
	mov	PER_CPU_VAR(lp_crossing_here), %rdi
	SAVE	r15, LP_REGISTERS_R15
	SAVE	r14, LP_REGISTERS_R14
	SAVE	r13, LP_REGISTERS_R13
	SAVE	r12, LP_REGISTERS_R12
	SAVE	rbp, LP_REGISTERS_RBP
	SAVE	rbx, LP_REGISTERS_RBX
	SAVE	r11, LP_REGISTERS_R11
	SAVE	r10, LP_REGISTERS_R10
	SAVE	r9, LP_REGISTERS_R9
	SAVE	r8, LP_REGISTERS_R8
	SAVE	rsi, LP_REGISTERS_RSI
	SAVE	rdx, LP_REGISTERS_RDX
	SAVE	rcx, LP_REGISTERS_RCX
	SAVE	rax, LP_REGISTERS_RAX
	mov	%cr2, %rcx			/* before anything can fault */
	mov	(%rsp), %rax
	SAVE	rax, LP_REGISTERS_FLAGS
	andq	$~(X86_EFLAGS_AC | X86_EFLAGS_DF), (%rsp)
	popfq
	pop	%rax
	SAVE	rax, LP_REGISTERS_RDI		/* what %rdi was */
	mov	%rsp, %rsi
	mov	$\how, %edx
	mov	LP_CROSSING_KERNEL_SP(%rdi), %rsp
	and	$~15, %rsp
	call	lp_elite_came
	mov	%rax, %rsi
	jmp	lp_elite_load
SYM_FUNC_END(\name)
.endm

CAME lp_elite_exit LP_CAME_EXIT
CAME lp_elite_deopt LP_CAME_DEOPT
CAME lp_elite_fault LP_CAME_FAULT
CAME lp_elite_budget LP_CAME_BUDGET
CAME lp_elite_force LP_CAME_FORCE
CAME lp_elite_syscall LP_CAME_SYSCALL
CAME lp_elite_adopt_new LP_CAME_ADOPT

/* The slot in %r11 is the one that is held already, for all requests but a thread's first. */
STACK_FRAME_NON_STANDARD lp_elite_adopt
SYM_FUNC_START(lp_elite_adopt)
	test	%r11, %r11			/* no slot is one as well: none */
	jz	lp_elite_adopt_new
	push	%rax
	mov	PER_CPU_VAR(lp_crossing_here), %rax
	cmp	%r11, LP_CROSSING_SLOT(%rax)
	jne	1f
	incq	LP_CROSSING_ADOPTIONS(%rax)
	mov	8(%rsp), %rax			/* the return address goes where the site was */
	mov	%rax, 16(%rsp)
	pop	%rax
	lea	8(%rsp), %rsp
	RET
1:	pop	%rax
	jmp	lp_elite_adopt_new
SYM_FUNC_END(lp_elite_adopt)

	.section .note.GNU-stack, "", @progbits
