# elite: f
# external: g
# KERNEL: call lp_form_memcpy.lp_kernel
# KERNEL: call g.lp_kernel
# KERNEL: jmp .Llpkx
# KERNEL: g.lp_kernel:
# KERNEL-NOT: call printf
# KERNEL-NOT: lp_elite
	.text
	.globl	f
	.type	f, @function
f:
	.cfi_startproc
	subq	$8, %rsp
	.cfi_def_cfa_offset 16
	call	memcpy
	call	g
	call	printf
	addq	$8, %rsp
	.cfi_def_cfa_offset 8
	ret
	.cfi_endproc
	.size	f, .-f
