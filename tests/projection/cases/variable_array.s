# The end of a variable array's block takes the stack pointer back, in the same frame.
# elite: f
# ELITE: movq	-24(%rbp), %rsp
# ELITE: ret
	.text
	.type	f, @function
f:
	.cfi_startproc
	pushq	%rbp
	.cfi_def_cfa_offset 16
	.cfi_offset 6, -16
	movq	%rsp, %rbp
	.cfi_def_cfa_register 6
	subq	$16, %rsp
	movq	%rsp, -24(%rbp)
	subq	%rax, %rsp
	movq	-24(%rbp), %rsp
	leave
	.cfi_def_cfa 7, 8
	ret
	.cfi_endproc
	.size	f, .-f
