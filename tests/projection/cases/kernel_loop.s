# elite: f
# KERNEL: subq $1, %fs:lp_kernel_budget@tpoff
# KERNEL: js
# KERNEL: addq	$1, %rdi
# KERNEL: pushfq
# KERNEL: subq $1, %fs:lp_kernel_budget@tpoff
# KERNEL: popfq
# KERNEL: adcq	$0, %rax
# KERNEL: jmp lp_k_budget
	.text
	.globl	f
	.type	f, @function
f:
	.cfi_startproc
	xorl	%eax, %eax
.L2:
	addq	$1, %rdi
	cmpq	%rsi, %rdi
	jne	.L2
.L3:
	adcq	$0, %rax
	leaq	-1(%rsi), %rsi
	jc	.L3
	ret
	.cfi_endproc
	.size	f, .-f
