/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A program by the contract: request(depth) goes `depth` frames deep, by turns with frames by %rsp
 * and by %rbp that hold different callee-saved registers, and at the end leaves Elite with every
 * register filled from `pattern`; the Fallback stores what it finds in `found`. On the way back each
 * frame checks its registers, and counts what is wrong in `errors`.
 *
 * stay != 0: the innermost frame does not leave.
 */
#include "contract.h"

	request_function request

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
	xor %eax, %eax
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
	jmp leaf_stub
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
leaf_stub:
	leave leaf_site
	ud2

site_begin leaf_site, leaf_over.lp_fallback
	frame_rule 7, 56, -2, -3, -4, -5, -6, -7
site_end "app.c:leaf:1:else", 42

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

function_record request, request

	.section .rodata
default_mxcsr:
	.long 0x1f80

	.section .note.GNU-stack, "", @progbits
