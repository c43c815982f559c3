# An ifunc's code is its resolver: not Elite.
# elite: f
# REJECTED: f: ifunc
	.text
	.type	f, @gnu_indirect_function
f:
	.cfi_startproc
	ret
	.cfi_endproc
	.size	f, .-f
