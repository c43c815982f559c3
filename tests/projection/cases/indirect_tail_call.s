# With nothing left on the stack it is a call through a pointer: looked up, else a deopt.
# elite: f
# ELITE: movq 8(%rdi), %r11
# ELITE: call lp_lookup
# ELITE: jz .Llpx
# ELITE: jmp *%r11
	.text
	.type	f, @function
f:
	.cfi_startproc
	jmp	*8(%rdi)
	.cfi_endproc
	.size	f, .-f
