/* SPDX-License-Identifier: GPL-2.0-only WITH GCC-exception-2.0 */
/*
 * A minimal application for dispatch_bench.c, by the contract of kernel/uapi/lp_abi.h:
 *
 *	long lp_bench_request(long depth, long leave)
 *
 * With depth 0 it is the minimal function of the thesis's Table 4.1, with one conditional in it.
 * Else it goes `depth` frames deep, and where `leave` is not zero, the innermost leaves Elite.
 * lp_bench_direct is the same code, for calling without a switch.
 */

	.text
	.p2align 4
	.globl lp_bench_request
	.type lp_bench_request, @function
lp_bench_request:
	jmp *lp_request_target(%rip)
	.size lp_bench_request, .-lp_bench_request
	.globl lp_request_fallback, lp_request_elite
	.hidden lp_request_fallback, lp_request_elite
	.set lp_request_fallback, request.lp_fallback
	.set lp_request_elite, request.lp_elite

/* One side; `leave_to` is where it goes when the innermost frame is to leave. */
.macro side suffix, leave_to
	.p2align 4
	.type request\suffix, @function
request\suffix:
	.cfi_startproc
	test %rdi, %rdi
	jne frame\suffix
	lea 1(%rdi), %rax
	ret
	.p2align 4
frame\suffix:
	push %rbx
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset rbx, 0
	mov %rdi, %rbx
	dec %rdi
	jz 1f
	call frame\suffix
frame_return\suffix:
	jmp 2f
1:	xor %eax, %eax
	test %rsi, %rsi
	jne \leave_to
innermost\suffix:
2:	add %rbx, %rax
	pop %rbx
	.cfi_adjust_cfa_offset -8
	ret
	.cfi_endproc
	.size request\suffix, .-request\suffix
.endm

	side .lp_fallback, innermost.lp_fallback

	.globl lp_bench_direct
	.set lp_bench_direct, request.lp_fallback

	.section lp_elite_text, "ax", @progbits
	side .lp_elite, leave_stub
leave_stub:
	pushq $leave_site
	jmp lp_deopt

	.section lp_sites, "aw", @progbits
	.p2align 3
leave_site:
	.quad innermost.lp_fallback
	.long 16
	.byte 7, 0, 0, 0
	.value -2, 0, 0, 0, 0, 0
	.long 0
	.quad name, file
	.long 1
	.byte 1, 0, 0, 0
	.quad 0, 0

	.section lp_returns, "aw", @progbits
	.p2align 3
	.quad frame_return.lp_elite, frame_return.lp_fallback
	.long 16
	.byte 7, 0, 0, 0
	.value -2, 0, 0, 0, 0, 0
	.long 0

	.section .rodata
name:	.string "dispatch_app.S:frame:1:then"
file:	.string "dispatch_app.S"

	.section .note.GNU-stack, "", @progbits
