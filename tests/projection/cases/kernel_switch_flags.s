# The flags of a comparison live on across a switch's jump: they are saved around ours.
# elite: f
# KERNEL: pushfq
# KERNEL: cmpq $0, %rax
# KERNEL: jbe .Llpks
# KERNEL: cmpq $1, %rax
# KERNEL: jmp .Llpks
	.text
	.type	f, @function
f:
	.cfi_startproc
	movl	%edi, %eax
	cmpl	$2, %esi
	jmp	*.L4(,%rax,8)
	.section	.rodata
.L4:
	.quad	.L1
	.quad	.L2
	.text
.L1:
	jne	.L3
	ret
.L2:
	nop
	# LP_COLD 1
.L3:
	movl	$1, %eax
	ret
	.cfi_endproc
	.size	f, .-f
