# elite: f
# KERNEL: cmpq %fs:lp_kernel_limit@tpoff, %rsp
# KERNEL: movl	counter, %eax
# KERNEL: leaq	table, %rsi
# KERNEL: testq %rdi, %rdi
# KERNEL: movq	8(%rdi), %rdx
# KERNEL: movq	%rdx, 16(%rdi)
# KERNEL: leaq (%rdi,%rcx,8), %r8
# KERNEL: testq %r8, %r8
# KERNEL: movq	(%rdi,%rcx,8), %r8
# KERNEL: pushq %rax
# KERNEL: leaq (%rdi,%rcx), %rax
# KERNEL: popq %rax
# KERNEL: js
# KERNEL: movb	$0, (%rdi,%rcx)
# KERNEL: movq	8(%rsp), %rax
# KERNEL: jmp lp_k_fault
# KERNEL-NOT: (%rip)
# KERNEL-NOT: .cfi_
# KERNEL-NOT: .p2align 3
	.text
	.globl	f
	.type	f, @function
f:
	.cfi_startproc
	subq	$24, %rsp
	.cfi_def_cfa_offset 32
	movl	counter(%rip), %eax
	leaq	table(%rip), %rsi
	movq	8(%rdi), %rdx
	movq	%rdx, 16(%rdi)
	movq	(%rdi,%rcx,8), %r8
	movb	$0, (%rdi,%rcx)
	movq	8(%rsp), %rax
	call	g
	addq	$24, %rsp
	.cfi_def_cfa_offset 8
	ret
	.cfi_endproc
	.size	f, .-f
# external: g
