# What reads the return address, inlined from wherever, is left to the Fallback: that sees its own.
# elite: f, g
# ELITE: f.lp_elite:
# ELITE: .Llpe
# ELITE: jmp .Llpx
# ELITE: g.lp_elite:
# ELITE: jmp .Llpx
# ELITE-NOT: 24(%rsp)
# ELITE-NOT: 8(%rbp)
	.text
	.type	f, @function
f:
	.cfi_startproc
	subq	$24, %rsp
	.cfi_def_cfa_offset 32
	movq	24(%rsp), %rax
	addq	$24, %rsp
	.cfi_def_cfa_offset 8
	ret
	.cfi_endproc
	.size	f, .-f
	.type	g, @function
g:
	.cfi_startproc
	pushq	%rbp
	.cfi_def_cfa_offset 16
	.cfi_offset 6, -16
	movq	%rsp, %rbp
	.cfi_def_cfa_register 6
	movq	8(%rbp), %rax
	popq	%rbp
	.cfi_def_cfa 7, 8
	ret
	.cfi_endproc
	.size	g, .-g
