# Elite leaves before the second statement of a line: the Fallback goes on there, not at the first.
# elite: f
# FALLBACK: addl	$1, %edi
# FALLBACK: .Llpf
# FALLBACK: call	g
	.text
	.type	f, @function
f:
	.cfi_startproc
	addl	$1, %edi; call	g
	ret
	.cfi_endproc
	.size	f, .-f
