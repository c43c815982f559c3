/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Elite code for RUN as a projection would make it, by hand: text, sites, return addresses,
 * entries (see lp_abi.h). Each function is what one of the driver's tests needs; where nothing else
 * is said, its frame is its return address.
 */
#include <linux/linkage.h>
#include <linux/objtool.h>
#include <asm/asm.h>
#include <asm/nospec-branch.h>

#include "selftest.h"
#include "uapi/lp_abi.h"

#define RBP LP_DWARF_RBP
#define RSP LP_DWARF_RSP

	.section .rodata.lp_selftest_sites, "a", @progbits
	.p2align 3
SYM_DATA_START(lp_selftest_sites)
	.section .rodata.lp_selftest_returns, "a", @progbits
	.p2align 3
SYM_DATA_START(lp_selftest_returns)
	.section .rodata.lp_selftest_entries, "a", @progbits
	.p2align 3
SYM_DATA_START(lp_selftest_entries)

.macro RULE offset register kind rbx rbp
	.long	\offset
	.byte	\register, \kind, 0, 0
	.short	\rbx, \rbp, 0, 0, 0, 0
	.long	0
.endm

/* A place to stop at, and perhaps one to go on at. */
.macro SITE name place elite=0 offset=8 register=RSP kind=0 rbx=0 rbp=0
	.pushsection .rodata.lp_selftest_sites, "a", @progbits
.Lsite_\name:
	.quad	LP_SELFTEST_PLACE(\place)
	RULE	\offset, \register, \kind, \rbx, \rbp
	.quad	LP_SELFTEST_SITE(\place)
	.ifc	\elite, 0
	.quad	-1
	.else
	.quad	\elite - lp_selftest_text
	.endif
	.popsection
.endm

/* Behind a call. */
.macro RETURNS place offset=8 register=RSP kind=0 rbx=0 rbp=0
.Lbehind_\@:
	.pushsection .rodata.lp_selftest_returns, "a", @progbits
	.quad	.Lbehind_\@ - lp_selftest_text, LP_SELFTEST_PLACE(\place)
	RULE	\offset, \register, \kind, \rbx, \rbp
	.popsection
.endm

.macro BEGIN name
STACK_FRAME_NON_STANDARD selftest_\name
SYM_FUNC_START_LOCAL(selftest_\name)
.endm

.macro BEGIN_ENTRY name
	.pushsection .rodata.lp_selftest_entries, "a", @progbits
	.quad	selftest_\name - lp_selftest_text, 0
	RULE	8, RSP, 0, 0, 0
	.popsection
	BEGIN	\name
.endm

.macro END name
SYM_FUNC_END(selftest_\name)
.endm

.macro DEOPT name
	pushq	$(.Lsite_\name - lp_selftest_sites)
	jmp	lp_elite_deopt
.endm

/* The instruction at label `at` may fault, and go on there. */
.macro MAY_FAULT at name
.Lfix_\@:
	pushq	$(.Lsite_\name - lp_selftest_sites)
	jmp	lp_elite_fault
	_ASM_EXTABLE(\at, .Lfix_\@)
.endm

/* No pointers into the kernel's half. */
.macro CHECK register name
	test	\register, \register
	js	.Lkernel_half_\name
.endm

.macro CHECKED name
.Lkernel_half_\name:
	DEOPT	\name
.endm

	.text
	.globl	lp_selftest_text
lp_selftest_text:
	ANNOTATE_NOENDBR			/* only its address is used */

/* All registers but %rsp become their complements; carry is set. */
BEGIN_ENTRY invert
	not	%rax
	not	%rbx
	not	%rcx
	not	%rdx
	not	%rsi
	not	%rdi
	not	%rbp
	not	%r8
	not	%r9
	not	%r10
	not	%r11
	not	%r12
	not	%r13
	not	%r14
	not	%r15
	stc
	RET
END invert

/* %rax = *%rdi */
BEGIN_ENTRY load
	CHECK	%rdi, load
.Lload:
	mov	(%rdi), %rax
	RET
	CHECKED	load
	MAY_FAULT .Lload, load
	SITE	load, LP_PLACE_LOAD, .Lload
END load

/* *%rdi = %rsi */
BEGIN_ENTRY store
	CHECK	%rdi, store
.Lstore:
	mov	%rsi, (%rdi)
	RET
	CHECKED	store
	MAY_FAULT .Lstore, store
	SITE	store, LP_PLACE_STORE, .Lstore
END store

/* %rcx bytes from %rsi to %rdi */
BEGIN_ENTRY copy
	CHECK	%rdi, copy
	CHECK	%rsi, copy
.Lcopy:
	rep movsb
	RET
	CHECKED	copy
	MAY_FAULT .Lcopy, copy
	SITE	copy, LP_PLACE_COPY, .Lcopy
END copy

/* %rdx:%rax over %rdi */
BEGIN_ENTRY divide
.Ldivide:
	div	%rdi
	RET
	MAY_FAULT .Ldivide, divide
	SITE	divide, LP_PLACE_DIVIDE, .Ldivide
END divide

/* %rdi times, add 1 to *%rsi, with a push and a pop. The budget is at %r15. */
BEGIN_ENTRY count
.Lcount_head:
	subq	$1, (%r15)
	js	.Lcount_spent
.Lcount_word:
	incq	(%rsi)
	push	%rcx
	pop	%rcx
	dec	%rdi
	jnz	.Lcount_head
	RET
.Lcount_spent:
	pushq	$(.Lsite_count_budget - lp_selftest_sites)
	jmp	lp_elite_budget
	MAY_FAULT .Lcount_head, count_budget_word
	MAY_FAULT .Lcount_word, count_word
	SITE	count_budget, LP_PLACE_COUNT_BUDGET, .Lcount_word
	SITE	count_budget_word, LP_PLACE_COUNT_BUDGET_WORD, .Lcount_head
	SITE	count_word, LP_PLACE_COUNT_WORD, .Lcount_word
END count

/*
 * Three frames: one that %rbp points to, one that saves %rbp and uses it for something else, one
 * that saves nothing. The innermost leaves unless %rdi says 0.
 */
BEGIN_ENTRY nested
	push	%rbp
	mov	%rsp, %rbp
	push	%rbx
	sub	$24, %rsp
	mov	$0x1111, %ebx
	call	selftest_nested_middle
	RETURNS	LP_PLACE_NESTED_OUTER, 16, RBP, 0, -3, -2
	mov	-8(%rbp), %rbx
	leave
	RET
END nested

BEGIN nested_middle
	push	%rbp
	push	%r12
	sub	$8, %rsp
	mov	$0x2222, %ebp
	mov	$0x3333, %r12d
	call	selftest_nested_inner
	RETURNS	LP_PLACE_NESTED_MIDDLE, 32, RSP, 0, 0, -2
	add	$8, %rsp
	pop	%r12
	pop	%rbp
	RET
END nested_middle

BEGIN nested_inner
	sub	$40, %rsp
	test	%rdi, %rdi
	jnz	.Lnested_leave
	add	$40, %rsp
	RET
.Lnested_leave:
	DEOPT	nested_inner
	SITE	nested_inner, LP_PLACE_NESTED_INNER, 0, 48
END nested_inner

/* A rule still says that %rbp is saved, when it was restored; where it was, the site lies. */
BEGIN_ENTRY late
	push	%rbp
	mov	%rsp, %rbp
	call	selftest_late_inner
	RETURNS	LP_PLACE_LATE_OUTER, 16, RBP, 0, 0, -2
	leave
	RET
END late

BEGIN late_inner
	push	%rbp
	mov	$0x4444, %ebp
	pop	%rbp
	DEOPT	late_inner
	SITE	late_inner, LP_PLACE_LATE_INNER, 0, 8, RSP, 0, 0, -2
END late_inner

/* %rdi frames of itself, then it leaves. */
BEGIN_ENTRY deep
	test	%rdi, %rdi
	jz	.Ldeep_end
	dec	%rdi
	sub	$8, %rsp
	call	selftest_deep
	RETURNS	LP_PLACE_DEEP, 16
	add	$8, %rsp
	RET
.Ldeep_end:
	DEOPT	deep
	SITE	deep, LP_PLACE_DEEP_END
END deep

/* A system call with these registers; then the complement of its result. */
BEGIN_ENTRY call
	pushq	$(.Lsite_call - lp_selftest_sites)
	call	lp_elite_syscall
	RETURNS	LP_PLACE_CALL_BEHIND
	not	%rax
	RET
	SITE	call, LP_PLACE_CALL_BEFORE
END call

/* What descriptor %r12d has goes to %ebx, by way of %r14 bytes at %r13, until either ends. */
BEGIN_ENTRY echo
.Lecho:
	mov	%r12d, %edi
	mov	%r13, %rsi
	mov	%r14, %rdx
	mov	$0, %eax			/* read */
	pushq	$(.Lsite_echo_read - lp_selftest_sites)
	call	lp_elite_syscall
	RETURNS	LP_PLACE_ECHO_HAS_READ
	test	%rax, %rax
	jle	.Lecho_end
	mov	%ebx, %edi
	mov	%r13, %rsi
	mov	%rax, %rdx
	mov	$1, %eax			/* write */
	pushq	$(.Lsite_echo_write - lp_selftest_sites)
	call	lp_elite_syscall
	RETURNS	LP_PLACE_ECHO_HAS_WRITTEN
	test	%rax, %rax
	jg	.Lecho
.Lecho_end:
	RET
	SITE	echo_read, LP_PLACE_ECHO_READ
	SITE	echo_write, LP_PLACE_ECHO_WRITE
END echo

/* A request on the slot with head %rdi; selftest_request says what it does. */
BEGIN_ENTRY switch
	mov	%rdi, %r11
	pushq	$(.Lsite_switch - lp_selftest_sites)
	call	lp_elite_adopt
.Lswitch_head:
	mov	%rsp, (%r11)
	mov	%r11, %rsp
	call	selftest_request
	RETURNS	LP_PLACE_SWITCH_BACK, 0, RSP, 1
.Lswitch_back:
	mov	(%rsp), %rcx
	mov	%rcx, %rsp
	RET
	MAY_FAULT .Lswitch_head, switch_head
	MAY_FAULT .Lswitch_back, switch_back
	SITE	switch, LP_PLACE_SWITCH_BEFORE
	SITE	switch_head, LP_PLACE_SWITCH_HEAD, .Lswitch_head
	SITE	switch_back, LP_PLACE_SWITCH_BACK_HEAD, .Lswitch_back, 0, RSP, 1
END switch

/* %rsi 0: add 1 to *%rdx; else leave. */
BEGIN request
	push	%rbp
	test	%rsi, %rsi
	jnz	.Lrequest_leave
.Lrequest:
	incq	(%rdx)
	pop	%rbp
	RET
.Lrequest_leave:
	DEOPT	request
	MAY_FAULT .Lrequest, request_word
	SITE	request, LP_PLACE_REQUEST, 0, 16, RSP, 0, 0, -2
	SITE	request_word, LP_PLACE_REQUEST_WORD, .Lrequest, 16, RSP, 0, 0, -2
END request

/* Check %rdi times whether a deopt is forced; %rax counts. */
BEGIN_ENTRY force
	pushq	$(.Lsite_force - lp_selftest_sites)
	jmp	lp_elite_force
.Lforced:
	inc	%rax
	dec	%rdi
	jnz	selftest_force
	RET
	SITE	force, LP_PLACE_FORCE, .Lforced
END force

/* Its return address becomes %rdi, or what is %rdi bytes into the text if %rsi says so. It leaves. */
BEGIN_ENTRY smash
	test	%rsi, %rsi
	jz	.Lsmash
	lea	lp_selftest_text(%rip), %rax
	add	%rax, %rdi
	mov	$0, %eax
.Lsmash:
	mov	%rdi, (%rsp)
	mov	$0, %edi
	DEOPT	smash
	SITE	smash, LP_PLACE_SMASH
END smash

/* It leaves with a frame that %rbp points to, which is what the caller has there. */
BEGIN_ENTRY astray
	DEOPT	astray
	SITE	astray, LP_PLACE_ASTRAY, 0, 16, RBP, 0, 0, -2
END astray

/* It leaves with the direction flag set, after it copied %rcx bytes downwards. */
BEGIN_ENTRY downwards
	std
.Ldownwards:
	rep movsb
	DEOPT	downwards
	MAY_FAULT .Ldownwards, downwards_word
	SITE	downwards, LP_PLACE_DOWNWARDS
	SITE	downwards_word, LP_PLACE_COPY, .Ldownwards
END downwards

/* %rdi times, %xmm0 += %xmm1; then %xmm15 becomes its complement. */
BEGIN_ENTRY fp_add
	addsd	%xmm1, %xmm0
	dec	%rdi
	jnz	selftest_fp_add
	pcmpeqd	%xmm2, %xmm2
	pxor	%xmm2, %xmm15
	RET
END fp_add

/* %xmm0 += %xmm1 before and after the load of %xmm3 from %rdi */
BEGIN_ENTRY fp_load
	addsd	%xmm1, %xmm0
	CHECK	%rdi, fp_load
.Lfp_load:
	movsd	(%rdi), %xmm3
	addsd	%xmm1, %xmm0
	RET
	CHECKED	fp_load
	MAY_FAULT .Lfp_load, fp_load
	SITE	fp_load, LP_PLACE_FP_WORD, .Lfp_load
END fp_load

/* MXCSR becomes %r12d; a system call; then %xmm0 becomes 1 / 3 by that MXCSR. */
BEGIN_ENTRY fp_call
	push	%r12
	ldmxcsr	(%rsp)
	pop	%r12
	pushq	$(.Lsite_fp_call - lp_selftest_sites)
	call	lp_elite_syscall
	RETURNS	LP_PLACE_FP_BEHIND
	mov	$1, %edi
	cvtsi2sd %rdi, %xmm0
	mov	$3, %edi
	cvtsi2sd %rdi, %xmm1
	divsd	%xmm1, %xmm0
	RET
	SITE	fp_call, LP_PLACE_FP_BEFORE
END fp_call

	.globl	lp_selftest_text_end
lp_selftest_text_end:

	.section .rodata.lp_selftest_sites
SYM_DATA_END_LABEL(lp_selftest_sites, SYM_L_GLOBAL, lp_selftest_sites_end)
	.section .rodata.lp_selftest_returns
SYM_DATA_END_LABEL(lp_selftest_returns, SYM_L_GLOBAL, lp_selftest_returns_end)
	.section .rodata.lp_selftest_entries
SYM_DATA_END_LABEL(lp_selftest_entries, SYM_L_GLOBAL, lp_selftest_entries_end)

	.section .note.GNU-stack, "", @progbits
