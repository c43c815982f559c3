# Floating point is copied, and said.
# elite: f
# FP: f
# ELITE: addsd	%xmm1, %xmm0
	.text
	.type	f, @function
f:
	.cfi_startproc
	addsd	%xmm1, %xmm0
	ret
	.cfi_endproc
	.size	f, .-f
