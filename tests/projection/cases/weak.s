# Another definition may replace a weak one: not Elite.
# elite: f
# REJECTED: f: weak symbol
# FALLBACK: f:
	.text
	.weak	f
	.type	f, @function
f:
	.cfi_startproc
	ret
	.cfi_endproc
	.size	f, .-f
