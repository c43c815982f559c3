# __builtin_longjmp: Elite leaves before it takes another frame's pointers.
# elite: f, g
# ELITE: f.lp_elite:
# ELITE: movq	buf+8(%rip), %rax
# ELITE: jmp .Llpx
# ELITE: g.lp_elite:
# ELITE: movq	buf(%rip), %rbp
# ELITE: jmp .Llpx
# ELITE-NOT: buf+16
	.text
	.type	f, @function
f:
	.cfi_startproc
	pushq	%rbp
	.cfi_def_cfa_offset 16
	.cfi_offset 6, -16
	movq	%rsp, %rbp
	.cfi_def_cfa_register 6
	movq	buf+8(%rip), %rax
	movq	buf(%rip), %rdx
	movq	buf+16(%rip), %rsp
	movq	%rdx, %rbp
	jmp	*%rax
	.cfi_endproc
	.size	f, .-f
	.type	g, @function
g:
	.cfi_startproc
	movq	buf(%rip), %rbp
	movq	buf+8(%rip), %rax
	movq	buf+16(%rip), %rsp
	jmpq	*%rax
	.cfi_endproc
	.size	g, .-g
