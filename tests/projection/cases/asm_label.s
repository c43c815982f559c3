# A named label within inline assembly can't be defined twice: a deopt before it.
# elite: f
# ELITE-NOT: my_label
# FALLBACK: my_label: nop
	.text
	.type	f, @function
f:
	.cfi_startproc
#APP
	my_label: nop
#NO_APP
	ret
	.cfi_endproc
	.size	f, .-f
