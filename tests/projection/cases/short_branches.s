# jrcxz reaches 127 bytes: it hops over a long jump.
# elite: f
# ELITE: jrcxz .Llph
# ELITE: jmp .Llpo
# ELITE: .Llph
# ELITE: jmp .Llpe
	.text
	.type	f, @function
f:
	.cfi_startproc
	jrcxz	.L2
	movl	$1, %eax
	ret
.L2:
	movl	$2, %eax
	ret
	.cfi_endproc
	.size	f, .-f
