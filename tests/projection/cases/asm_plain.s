# Ordinary inline assembly, with local numeric labels and prefixes, is copied.
# elite: f
# ELITE: 1:
# ELITE: lock
# ELITE: cmpxchgl %esi, (%rdi)
# ELITE: jnz 1b
	.text
	.type	f, @function
f:
	.cfi_startproc
#APP
	1: lock; cmpxchgl %esi, (%rdi); jnz 1b
#NO_APP
	ret
	.cfi_endproc
	.size	f, .-f
