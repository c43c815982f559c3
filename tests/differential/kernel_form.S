/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The driver's part, played by the in-process runtime: each import of kernel text finds its site (a
 * struct lp_elite_site) on the stack, and all registers and flags live.
 */
	.text

/* Leave: the program's own struct lp_site, where there is one, else a copy of what it would say. */
	.globl lp_harness_deopt, lp_harness_fault
lp_harness_deopt:
lp_harness_fault:
	pushfq
	push %rax
	push %rcx
	mov 24(%rsp), %rax
	mov 32(%rax), %rcx
	test %rcx, %rcx
	jnz 1f
	.set at, 0
	.rept 4
	mov at(%rax), %rcx
	mov %rcx, lp_harness_site+at
	.set at, at + 8
	.endr
	lea lp_harness_site, %rcx
1:	mov %rcx, 24(%rsp)
	pop %rcx
	pop %rax
	popfq
	jmp lp_deopt

/* Every other time leave, else go on with a new budget. */
	.globl lp_harness_budget
lp_harness_budget:
	pushfq
	push %rax
	mov lp_harness_slice, %rax
	mov %rax, %fs:lp_harness_tls_budget@tpoff
	incq lp_harness_spent
	testb $1, lp_harness_spent
	jnz 1f
	mov 16(%rsp), %rax
	mov 40(%rax), %rax
	mov %rax, 16(%rsp)
	pop %rax
	popfq
	ret
1:	pop %rax
	popfq
	jmp lp_harness_deopt

/* A system call. Every fourth is one that the driver does not do: user space makes it. */
	.globl lp_harness_syscall
lp_harness_syscall:
	incl %fs:lp_harness_calls@tpoff
	testb $3, %fs:lp_harness_calls@tpoff
	jz 1f
	syscall
	ret $8
1:	lea 8(%rsp), %rsp
	jmp lp_harness_deopt

	.globl lp_harness_enter_request
lp_harness_enter_request:
	jmp *lp_request_target(%rip)

	.section .note.GNU-stack, "", @progbits
