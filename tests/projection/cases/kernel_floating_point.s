# elite: f
# FP: f
# KERNEL: movups	(%rdi), %xmm0
# KERNEL: jmp .Llpkx
# KERNEL: jmp lp_k_deopt
# KERNEL-NOT: vaddps
	.text
	.globl	f
	.type	f, @function
f:
	.cfi_startproc
	movups	(%rdi), %xmm0
	vaddps	%ymm1, %ymm0, %ymm0
	ret
	.cfi_endproc
	.size	f, .-f
