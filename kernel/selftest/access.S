/* SPDX-License-Identifier: GPL-2.0-only */
/* What Elite code looks like to the driver: every access has an entry in the exception table. */
#include <linux/linkage.h>
#include <asm/asm.h>
#include <asm/nospec-branch.h>

/* The access at label `at` faulted; `register` holds its address. Go there again with the page. */
.macro FIX_UP at register how
.Lfix_\@:
	push	\register
	call	lp_crossing_\how
	lea	8(%rsp), %rsp
	jmp	\at
	_ASM_EXTABLE(\at, .Lfix_\@)
.endm

	.text

/* u64 selftest_load(address) */
SYM_FUNC_START(selftest_load)
.Lload:
	mov	(%rdi), %rax
	RET
	FIX_UP	.Lload %rdi read
SYM_FUNC_END(selftest_load)

/* u64 selftest_store(address, word) */
SYM_FUNC_START(selftest_store)
.Lstore:
	mov	%rsi, (%rdi)
	mov	%rsi, %rax
	RET
	FIX_UP	.Lstore %rdi write
SYM_FUNC_END(selftest_store)

/* u64 selftest_count(address, n): n times, add 1 */
SYM_FUNC_START(selftest_count)
	mov	%rsi, %rcx
.Lcount:
	incq	(%rdi)
	push	%rcx
	pop	%rcx
	dec	%rcx
	jnz	.Lcount
	mov	%rsi, %rax
	RET
	FIX_UP	.Lcount %rdi write
SYM_FUNC_END(selftest_count)

/* u64 selftest_copy(from, to, words) */
SYM_FUNC_START(selftest_copy)
	mov	%rdx, %rcx
.Lfrom:
	mov	(%rdi), %rax
.Lto:
	mov	%rax, (%rsi)
	lea	8(%rdi), %rdi
	lea	8(%rsi), %rsi
	dec	%rcx
	jnz	.Lfrom
	mov	%rdx, %rax
	RET
	FIX_UP	.Lfrom %rdi read
	FIX_UP	.Lto %rsi write
SYM_FUNC_END(selftest_copy)

/* u64 selftest_tls(start of the thread's block) */
SYM_FUNC_START(selftest_tls)
.Ltls:
	mov	%fs:0, %rax
	RET
	FIX_UP	.Ltls %rdi read
SYM_FUNC_END(selftest_tls)

/* u64 selftest_syscall(number, arguments in the kernel's memory) */
SYM_FUNC_START(selftest_syscall)
	mov	%rdi, %rax
	mov	%rsi, %rcx
	mov	(%rcx), %rdi
	mov	8(%rcx), %rsi
	mov	16(%rcx), %rdx
	mov	24(%rcx), %r10
	xor	%r8d, %r8d
	xor	%r9d, %r9d
	call	lp_crossing_syscall
	RET
SYM_FUNC_END(selftest_syscall)

	.section .note.GNU-stack, "", @progbits
