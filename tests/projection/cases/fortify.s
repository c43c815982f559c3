# The checked names of _FORTIFY_SOURCE have forms for the kernel too.
# elite: f
# ELITE: call __memcpy_chk@PLT
# KERNEL: call lp_form___memcpy_chk.lp_kernel
	.text
	.type	f, @function
f:
	.cfi_startproc
	subq	$8, %rsp
	.cfi_def_cfa_offset 16
	call	__memcpy_chk@PLT
	addq	$8, %rsp
	.cfi_def_cfa_offset 8
	ret
	.cfi_endproc
	.size	f, .-f
