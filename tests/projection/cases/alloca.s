# alloca and VLAs: the frame is found by %rbp.
# elite: f
# ELITE: call other
# RETURN: rbp+16 rbp
	.text
	.type	f, @function
f:
	.cfi_startproc
	pushq	%rbp
	.cfi_def_cfa_offset 16
	.cfi_offset 6, -16
	movq	%rsp, %rbp
	.cfi_def_cfa_register 6
	subq	%rdi, %rsp
	movq	%rsp, %rdi
	call	other
	leave
	.cfi_def_cfa 7, 8
	ret
	.cfi_endproc
	.size	f, .-f
