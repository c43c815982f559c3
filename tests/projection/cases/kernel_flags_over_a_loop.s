# The flags at a loop's head are those of the way round: a budget there keeps them.
# elite: f
# KERNEL: pushfq
# KERNEL: subq $1, %fs:lp_kernel_budget@tpoff
# KERNEL: popfq
	.text
	.type	f, @function
f:
	.cfi_startproc
	cmpl	$2, %esi
.L2:
	movq	%rdi, %rax
	jne	.L5
	ret
.L5:
	subl	$1, %esi
	jmp	.L2
	.cfi_endproc
	.size	f, .-f
