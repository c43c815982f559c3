# A raw system call changes sides first.
# elite: f
# ELITE-NOT: syscall
# SITE: ?:f:call@0:inlineasm
	.text
	.type	f, @function
f:
	.cfi_startproc
#APP
	syscall
#NO_APP
	ret
	.cfi_endproc
	.size	f, .-f
