# Observed targets are compared and called directly; others are looked up out of line.
# elite: f, g
# observed: a.c:7 g
# ELITE: cmpq $g, %rax
# ELITE: jne .Llpi
# ELITE: call g.lp_elite
# ELITE: ret
# ELITE: movq %rax, %r11
# ELITE: call lp_lookup
# ELITE: call *%r11
# ELITE: jmp .Llpi
	.text
	.file 1 "a.c"
	.type	g, @function
g:
	.cfi_startproc
	ret
	.cfi_endproc
	.size	g, .-g
	.type	f, @function
f:
	.cfi_startproc
	subq	$8, %rsp
	.cfi_def_cfa_offset 16
	.loc 1 7 3
	call	*%rax
	addq	$8, %rsp
	.cfi_def_cfa_offset 8
	ret
	.cfi_endproc
	.size	f, .-f
