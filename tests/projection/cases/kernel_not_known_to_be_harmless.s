# What isn't known to do nothing but compute, load and store is left to the Fallback.
# elite: a, b, c, d, e, g, h
# KERNEL: a.lp_kernel:
# KERNEL: js
# KERNEL: jmp .Llpkx
# KERNEL: b.lp_kernel:
# KERNEL: jmp .Llpkx
# KERNEL-NOT: 	wrgsbase
# KERNEL-NOT: 	xsetbv
# KERNEL-NOT: 	maskmovdqu
# KERNEL-NOT: 	std
# KERNEL-NOT: %ds
# KERNEL-NOT: 	emms
	.text
	.type	a, @function
a:
	.cfi_startproc
	movq	(%rdi), %rax
	wrgsbase %rax
	ret
	.cfi_endproc
	.size	a, .-a
	.type	b, @function
b:
	.cfi_startproc
	popfq
	ret
	.cfi_endproc
	.size	b, .-b
	.type	c, @function
c:
	.cfi_startproc
	xsetbv
	ret
	.cfi_endproc
	.size	c, .-c
	.type	d, @function
d:
	.cfi_startproc
	maskmovdqu %xmm1, %xmm0
	ret
	.cfi_endproc
	.size	d, .-d
	.type	e, @function
e:
	.cfi_startproc
	std
	ret
	.cfi_endproc
	.size	e, .-e
	.type	g, @function
g:
	.cfi_startproc
	movl	%edi, %ds
	ret
	.cfi_endproc
	.size	g, .-g
	.type	h, @function
h:
	.cfi_startproc
	emms
	ret
	.cfi_endproc
	.size	h, .-h
