# A clone that the compiler split off (f.part.0) is Elite where its function is.
# elite: f
# ELITE: call f.part.0.lp_elite
# ELITE: f.part.0.lp_elite:
	.text
	.globl	f
	.type	f, @function
f:
	.cfi_startproc
	subq	$8, %rsp
	.cfi_def_cfa_offset 16
	call	f.part.0
	addq	$8, %rsp
	.cfi_def_cfa_offset 8
	ret
	.cfi_endproc
	.size	f, .-f
	.type	f.part.0, @function
f.part.0:
	.cfi_startproc
	movl	$1, %eax
	ret
	.cfi_endproc
	.size	f.part.0, .-f.part.0
