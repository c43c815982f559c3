# %xmm0 can't hold the sum that is looked at before an indexed load.
# elite: f
# KERNEL: pushq %r
# KERNEL: leaq (%rdi,%rdx,4), %r
# KERNEL: popq %r
# KERNEL: movq	(%rdi,%rdx,4), %xmm0
	.text
	.type	f, @function
f:
	.cfi_startproc
	movq	(%rdi,%rdx,4), %xmm0
	movq	%xmm0, (%rdi)
	ret
	.cfi_endproc
	.size	f, .-f
