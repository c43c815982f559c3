# A call hidden in inline assembly has no frame rule of its own: a deopt before it.
# elite: f
# ELITE-NOT: call
	.text
	.type	f, @function
f:
	.cfi_startproc
#APP
	call hidden_one
#NO_APP
	ret
	.cfi_endproc
	.size	f, .-f
