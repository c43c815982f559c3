# cmpxchg16b and mulx replace registers that they don't name, or that come first: these are looked
# at again.
# elite: f, g
# KERNEL: testq %rax, %rax
# KERNEL: lock cmpxchg16b
# KERNEL: testq %rax, %rax
# KERNEL: g.lp_kernel:
# KERNEL: testq %rcx, %rcx
# KERNEL: mulx
# KERNEL: testq %rcx, %rcx
	.text
	.type	f, @function
f:
	.cfi_startproc
	movq	(%rax), %r8
	lock cmpxchg16b	(%rdi)
	movq	(%rax), %r8
	ret
	.cfi_endproc
	.size	f, .-f
	.type	g, @function
g:
	.cfi_startproc
	movq	(%rcx), %r8
	mulx	%rsi, %rcx, %rax
	movq	(%rcx), %r8
	ret
	.cfi_endproc
	.size	g, .-g
