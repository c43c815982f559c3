# Computed goto: labels whose address is taken stay the Fallback's, so the jump is a deopt.
# elite: f
# ELITE: movq	$.L3, %rax
# ELITE: jmp .Llpx
# ELITE-NOT: jmp	*%rax
	.text
	.type	f, @function
f:
	.cfi_startproc
	pushq	%rbx
	.cfi_def_cfa_offset 16
	movq	$.L3, %rax
	jmp	*%rax
.L3:
	popq	%rbx
	.cfi_def_cfa_offset 8
	ret
	.cfi_endproc
	.size	f, .-f
