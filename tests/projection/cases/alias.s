# A call of an alias within the unit reaches the copy of the function that it names.
# elite: f, g
# ELITE: call g.lp_elite
	.text
	.globl	g
	.type	g, @function
g:
	.cfi_startproc
	ret
	.cfi_endproc
	.size	g, .-g
	.globl	also_g
	.set	also_g,g
	.type	f, @function
f:
	.cfi_startproc
	subq	$8, %rsp
	.cfi_def_cfa_offset 16
	call	also_g
	addq	$8, %rsp
	.cfi_def_cfa_offset 8
	ret
	.cfi_endproc
	.size	f, .-f
