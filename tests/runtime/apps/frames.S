/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A program by the contract: request(depth) goes `depth` frames deep, by turns with frames by %rsp
 * and by %rbp that hold different callee-saved registers, and at the end leaves Elite with every
 * register filled from `pattern`; the Fallback stores what it finds in `found`. On the way back each
 * frame checks its registers, and counts what is wrong in `errors`.
 *
 * stay != 0: the innermost frame does not leave. nest > 0: it calls request() first, so often.
 *
 * STRESS: each frame begins with a check, and the innermost does not leave but checks, too.
 * WITHOUT_RECORD, BAD_RULE: tables that are wrong.
 */
#include "contract.h"

	request_function request

/* Where frames begin: a site in a stress build, and a count of who goes on there. */
.macro check name, is_elite
#ifdef STRESS
	.if \is_elite
	cmpb $0, lp_force_armed(%rip)
	jne \name\()_stub
\name\()_on:
	lock incq frames_elite
	.else
\name\()_over:
	lock incq frames_fallback
	.endif
#endif
.endm

/* One side of everything; `is_elite` is 0 or 1. Callees are of the same side. */
.macro side suffix, is_elite

	/* depth in %rdi: frame by %rsp, holds %rbx %r12 %r13 */
	.type request\suffix, @function
	.globl request\suffix
request\suffix:
	.cfi_startproc
	push %rbx
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset rbx, 0
	push %r12
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset r12, 0
	push %r13
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset r13, 0
	sub $32, %rsp
	.cfi_adjust_cfa_offset 32
	check request_check, \is_elite
	mov %rdi, %rbx
	imul $0x1111, %rdi, %r12
	imul $0x2222, %rdi, %r13
	mov %rdi, 8(%rsp)
	dec %rdi
	jle 1f
	call by_rbp\suffix
request_r1\suffix:
	jmp 2f
1:	call leaf\suffix
request_r2\suffix:
2:	imul $0x1111, %rbx, %rcx
	imul $0x2222, %rbx, %rdx
	cmp %rcx, %r12
	jne 3f
	cmp %rdx, %r13
	jne 3f
	cmp %rbx, 8(%rsp)
	je 4f
3:	lock incq errors
4:	add %rbx, %rax
	add $32, %rsp
	.cfi_adjust_cfa_offset -32
	pop %r13
	.cfi_adjust_cfa_offset -8
	pop %r12
	.cfi_adjust_cfa_offset -8
	pop %rbx
	.cfi_adjust_cfa_offset -8
	ret
	.cfi_endproc
	.size request\suffix, .-request\suffix

	/* depth in %rdi: frame by %rbp of varying size, holds %r14 %r15 */
	.type by_rbp\suffix, @function
by_rbp\suffix:
	.cfi_startproc
	push %rbp
	.cfi_def_cfa_offset 16
	.cfi_offset rbp, -16
	mov %rsp, %rbp
	.cfi_def_cfa_register rbp
	push %r14
	.cfi_offset r14, -24
	push %r15
	.cfi_offset r15, -32
	mov %rdi, %rcx
	and $7, %ecx
	shl $4, %ecx
	sub %rcx, %rsp
	imul $0x3333, %rdi, %r14
	imul $0x4444, %rdi, %r15
	push %rdi
	push %rdi
	check by_rbp_check, \is_elite
	dec %rdi
	jle 1f
	call request_inner\suffix
by_rbp_r1\suffix:
	jmp 2f
1:	call leaf\suffix
by_rbp_r2\suffix:
2:	pop %rdi
	pop %rdi
	imul $0x3333, %rdi, %rcx
	imul $0x4444, %rdi, %rdx
	cmp %rcx, %r14
	jne 3f
	cmp %rdx, %r15
	je 4f
3:	lock incq errors
4:	add %rdi, %rax
	lea -16(%rbp), %rsp
	pop %r15
	pop %r14
	pop %rbp
	.cfi_def_cfa rsp, 8
	ret
	.cfi_endproc
	.size by_rbp\suffix, .-by_rbp\suffix

	/* the innermost: fills all registers, then goes over */
	.type leaf\suffix, @function
leaf\suffix:
	.cfi_startproc
	.irp register, rbx, rbp, r12, r13, r14, r15
	push %\register
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset \register, 0
	.endr
	cmpq $0, nest
	jle 1f
	decq nest
	mov $2, %edi
	sub $8, %rsp
	.cfi_adjust_cfa_offset 8
	call request
leaf_n1\suffix:
	add $8, %rsp
	.cfi_adjust_cfa_offset -8
1:	xor %eax, %eax
	cmpq $0, stay
	jne leaf_end\suffix
	cmpq $0, vectors
	je 1f
	ldmxcsr pattern+136
	fninit
	fld1
	fldpi
	fldcw pattern+140
	.irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
	movups pattern+160+64*\n, %xmm\n
	.endr
	cmpq $2, vectors
	jb 1f
	.irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
	vmovups pattern+160+64*\n, %ymm\n
	.endr
	cmpq $3, vectors
	jb 1f
	.irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
	vmovups pattern+160+64*\n, %zmm\n
	.endr
	kmovw pattern+144, %k1
1:	pushq pattern+120
	popfq
	mov pattern+0, %rax
	mov pattern+8, %rcx
	mov pattern+16, %rdx
	mov pattern+24, %rbx
	mov pattern+32, %rbp
	mov pattern+40, %rsi
	mov pattern+48, %rdi
	mov pattern+56, %r8
	mov pattern+64, %r9
	mov pattern+72, %r10
	mov pattern+80, %r11
	mov pattern+88, %r12
	mov pattern+96, %r13
	mov pattern+104, %r14
	mov pattern+112, %r15
	.if \is_elite
#ifdef STRESS
	cmpb $0, lp_force_armed(%rip)
	jne leaf_stub
#else
	jmp leaf_stub
#endif
	.endif
leaf_over\suffix:
	pushfq
	popq found+120
	mov %rax, found+0
	mov %rcx, found+8
	mov %rdx, found+16
	mov %rbx, found+24
	mov %rbp, found+32
	mov %rsi, found+40
	mov %rdi, found+48
	mov %r8, found+56
	mov %r9, found+64
	mov %r10, found+72
	mov %r11, found+80
	mov %r12, found+88
	mov %r13, found+96
	mov %r14, found+104
	mov %r15, found+112
	cld
	cmpq $0, vectors
	je 1f
	stmxcsr found+136
	fnstcw found+140
	fstpl found+128
	fstpl found+152
	fninit
	.irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
	movups %xmm\n, found+160+64*\n
	.endr
	ldmxcsr default_mxcsr
	cmpq $2, vectors
	jb 1f
	.irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
	vmovups %ymm\n, found+160+64*\n
	.endr
	cmpq $3, vectors
	jb 1f
	.irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
	vmovups %zmm\n, found+160+64*\n
	.endr
	kmovw %k1, found+144
1:	.if \is_elite
	lock incq finished_in_elite
	.else
	sub $8, %rsp
	.cfi_adjust_cfa_offset 8
	call in_fallback
	add $8, %rsp
	.cfi_adjust_cfa_offset -8
	.endif
	xor %eax, %eax
leaf_end\suffix:
	.irp register, r15, r14, r13, r12, rbp, rbx
	pop %\register
	.cfi_adjust_cfa_offset -8
	.endr
	ret
	.cfi_endproc
	.size leaf\suffix, .-leaf\suffix
.endm

	.text
	.set request_inner.lp_fallback, request.lp_fallback
	side .lp_fallback, 0
	elite_text
	.set request_inner.lp_elite, request.lp_elite
	side .lp_elite, 1
#ifdef STRESS
leaf_stub:
	pushq $leaf_site
	jmp lp_force
request_check_stub:
	pushq $request_site
	jmp lp_force
by_rbp_check_stub:
	pushq $by_rbp_site
	jmp lp_force
site_begin request_site, request_check_over
	frame_rule 7, 64, -2, 0, -3, -4
site_end "app.c:request:call@10:by_rbp", 10, 4, request_check_on
site_begin by_rbp_site, by_rbp_check_over
	frame_rule 6, 16, 0, -2, 0, 0, -3, -4
site_end "app.c:by_rbp:call@20:request", 20, 4, by_rbp_check_on
#else
leaf_stub:
	leave leaf_site
#endif
	ud2

site_begin leaf_site, leaf_over.lp_fallback
#ifdef BAD_RULE
	frame_rule 7, 7 << 20
#else
	frame_rule 7, 56, -2, -3, -4, -5, -6, -7
#endif
#ifdef STRESS
site_end "app.c:leaf:1:else", 42, 4, leaf_over.lp_elite
#else
site_end "app.c:leaf:1:else", 42
#endif

/* long call_checked(long depth): calls request() and checks that its callee-saved registers come
 * back; those that are in use by frames further in are all different. */
	.text
	.globl call_checked
	.type call_checked, @function
call_checked:
	.cfi_startproc
	.irp register, rbx, rbp, r12, r13, r14, r15
	push %\register
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset \register, 0
	.endr
	sub $8, %rsp
	.cfi_adjust_cfa_offset 8
	mov $0x7b7b7b, %rbx
	mov $0x7c7c7c, %rbp
	mov $0x7d7d7d, %r12
	mov $0x7e7e7e, %r13
	mov $0x7f7f7f, %r14
	mov $0x808080, %r15
	call request
	cmp $0x7b7b7b, %rbx
	jne 1f
	cmp $0x7c7c7c, %rbp
	jne 1f
	cmp $0x7d7d7d, %r12
	jne 1f
	cmp $0x7e7e7e, %r13
	jne 1f
	cmp $0x7f7f7f, %r14
	jne 1f
	cmp $0x808080, %r15
	je 2f
1:	lock incq errors
2:	add $8, %rsp
	.cfi_adjust_cfa_offset -8
	.irp register, r15, r14, r13, r12, rbp, rbx
	pop %\register
	.cfi_adjust_cfa_offset -8
	.endr
	ret
	.cfi_endproc
	.size call_checked, .-call_checked

/* Not in the order of the addresses, as sections of several objects need not be. */
.macro a_return name, base, offset, rbx=0, rbp=0, r12=0, r13=0, r14=0, r15=0
return_begin \name\().lp_elite, \name\().lp_fallback
	frame_rule \base, \offset, \rbx, \rbp, \r12, \r13, \r14, \r15
return_end
.endm
	a_return by_rbp_r2, 6, 16, 0, -2, 0, 0, -3, -4
	a_return by_rbp_r1, 6, 16, 0, -2, 0, 0, -3, -4
#ifndef WITHOUT_RECORD
	a_return request_r1, 7, 64, -2, 0, -3, -4
	a_return request_r2, 7, 64, -2, 0, -3, -4
#endif

	a_return leaf_n1, 7, 64, -2, -3, -4, -5, -6, -7
function_record request, request
function_record looked_up, looked_up.lp_elite

/* For lp_lookup: functions with and without an Elite copy. */
	.text
	.globl looked_up, not_looked_up
looked_up:
	ret
not_looked_up:
	ret
	elite_text
looked_up.lp_elite:
	ret

/* long lookup_checked(void *function, long *kept): what lp_lookup makes of it, zero if nothing;
 * *kept: whether all other registers were. */
	.text
	.globl lookup_checked
	.type lookup_checked, @function
lookup_checked:
	push %rbx
	push %rbp
	push %r12
	push %r13
	push %r14
	push %r15
	push %rsi
	mov %rdi, %r11
	.set lp_value, 100
	.irp register, rax, rbx, rcx, rdx, rsi, rdi, rbp, r8, r9, r10, r12, r13, r14, r15
	mov $lp_value, %\register
	.set lp_value, lp_value + 1
	.endr
	call lp_lookup
	jnz 1f
	xor %r11d, %r11d
1:	.set lp_value, 100
	.irp register, rax, rbx, rcx, rdx, rsi, rdi, rbp, r8, r9, r10, r12, r13, r14, r15
	cmp $lp_value, %\register
	jne 2f
	.set lp_value, lp_value + 1
	.endr
	mov $1, %eax
	jmp 3f
2:	xor %eax, %eax
3:	pop %rsi
	mov %rax, (%rsi)
	mov %r11, %rax
	pop %r15
	pop %r14
	pop %r13
	pop %r12
	pop %rbp
	pop %rbx
	ret

/* long loop(long turns): a loop with an entry at its head; Elite counts a turn in turns_elite and
 * leaves at every fourth turn, the Fallback counts in turns_fallback. */
.macro loop_body suffix, is_elite
	.if \is_elite
loop_head.lp_elite:
	lock incq turns_elite
	inc %rbx
	test $3, %rbx
	jz loop_stub
	.else
	.globl loop
	.type loop, @function
loop:
	.cfi_startproc
	push %rbx
	.cfi_adjust_cfa_offset 8
	push %r12
	.cfi_adjust_cfa_offset 8
	xor %ebx, %ebx
	mov %rdi, %r12
loop_head.lp_fallback:
	cmpb $0, lp_entries_enabled(%rip)
	jne loop_entry
	lock incq turns_fallback
	inc %rbx
	.endif
loop_over\suffix:
	cmp %r12, %rbx
	jl loop_head\suffix
	mov %rbx, %rax
	pop %r12
	pop %rbx
	ret
	.ifeq \is_elite
	.cfi_endproc
loop_entry:
	lock incq lp_entry_count(%rip)
	jmp loop_head.lp_elite
	.endif
.endm
	loop_body .lp_fallback, 0
	elite_text
	loop_body .lp_elite, 1
loop_stub:
	leave loop_site
	ud2
site_begin loop_site, loop_over.lp_fallback
	frame_rule 7, 24, -2, 0, -3
site_end "app.c:loop:1:then", 77

	.section .rodata
default_mxcsr:
	.long 0x1f80

	.section .note.GNU-stack, "", @progbits
