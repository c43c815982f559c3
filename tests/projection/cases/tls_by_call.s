# The linker must find the whole of this as it stands. The kernel form has what it makes of it.
# elite: f, g
# ELITE: data16	leaq	b@tlsgd(%rip), %rdi
# ELITE: .value	0x6666
# ELITE: rex64
# ELITE: call	__tls_get_addr@PLT
# ELITE: leaq	c@tlsld(%rip), %rdi
# ELITE: call	__tls_get_addr@PLT
# ELITE: leaq	c@dtpoff(%rax), %rbx
# ELITE: g.lp_elite:
# ELITE: other@tlsgd
# KERNEL: movq %fs:0, %rax
# KERNEL: leaq b@tpoff(%rax), %rax
# KERNEL: movq %fs:0, %rax
# KERNEL: leaq	c@tpoff(%rax), %rbx
# KERNEL: g.lp_kernel:
# KERNEL-NOT: __tls_get_addr
	.text
	.type	f, @function
f:
	.cfi_startproc
	pushq	%rbx
	.cfi_def_cfa_offset 16
	.cfi_offset 3, -16
	data16	leaq	b@tlsgd(%rip), %rdi
	.value	0x6666
	rex64
	call	__tls_get_addr@PLT
	movl	(%rax), %ebx
	leaq	c@tlsld(%rip), %rdi
	call	__tls_get_addr@PLT
	leaq	c@dtpoff(%rax), %rbx
	popq	%rbx
	.cfi_def_cfa_offset 8
	ret
	.cfi_endproc
	.size	f, .-f
	.type	g, @function
g:
	.cfi_startproc
	data16	leaq	other@tlsgd(%rip), %rdi
	.value	0x6666
	rex64
	call	__tls_get_addr@PLT
	ret
	.cfi_endproc
	.size	g, .-g
	.section	.tdata,"awT",@progbits
	.align 4
	.type	b, @object
	.size	b, 4
b:
	.long	3
	.type	c, @object
	.size	c, 4
c:
	.long	3
