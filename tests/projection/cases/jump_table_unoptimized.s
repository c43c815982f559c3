# At -O0 the table is read first and jumped through a register.
# elite: f
# ELITE: movq	.Llpt
# ELITE: jmp	*%rax
	.text
	.type	f, @function
f:
	.cfi_startproc
	movl	%edi, %eax
	movq	.L4(,%rax,8), %rax
	jmp	*%rax
	.section	.rodata
.L4:
	.quad	.L5
	.quad	.L5
	.text
.L5:
	ret
	.cfi_endproc
	.size	f, .-f
