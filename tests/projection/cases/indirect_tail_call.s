# With nothing left on the stack it is a call through a pointer: looked up, else as it stands.
# elite: f
# ELITE: movq 8(%rdi), %r11
# ELITE: call lp_lookup
# ELITE: jmp *%r11
# ELITE-NOT: lp_deopt
	.text
	.type	f, @function
f:
	.cfi_startproc
	jmp	*8(%rdi)
	.cfi_endproc
	.size	f, .-f
