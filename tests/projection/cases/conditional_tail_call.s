# clang's conditional tail call: to Elite's copy, else as it stands; in the kernel form a deopt at
# the branch itself (flags are kept).
# elite: f, g
# ELITE: je g.lp_elite
# ELITE: jne other
# ELITE-NOT: lp_deopt
# KERNEL: jmp .Llpkx
# FALLBACK: .Llpf
# FALLBACK: je	g
	.text
	.type	g, @function
g:
	.cfi_startproc
	ret
	.cfi_endproc
	.size	g, .-g
	.globl	f
	.type	f, @function
f:
	.cfi_startproc
	testl	%edi, %edi
	je	g
	jne	other
	ret
	.cfi_endproc
	.size	f, .-f
