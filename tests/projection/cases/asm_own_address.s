# Inline assembly that tells where it stands would tell Elite's own address.
# elite: f, g, h, i
# STOP: ?:0 inline assembly that names its own address
# STOP: ?:0 inline assembly that names its own address
# STOP: ?:0 inline assembly that says that its return address is read
# ELITE: i.lp_elite:
# ELITE: jmp 1f
# ELITE-NOT: leaq 1b
# ELITE-NOT: leaq 0(%rip)
# ELITE-NOT: 0(%rsp)
	.text
	.type	f, @function
f:
	.cfi_startproc
#APP
# 1 "a.c" 1
	1:	leaq 1b(%rip), %rax
# 0 "" 2
#NO_APP
	ret
	.cfi_endproc
	.size	f, .-f
	.type	g, @function
g:
	.cfi_startproc
#APP
# 2 "a.c" 1
	leaq 0(%rip), %rax
# 0 "" 2
#NO_APP
	ret
	.cfi_endproc
	.size	g, .-g
	.type	h, @function
h:
	.cfi_startproc
#APP
# 3 "a.c" 1
	movq 0(%rsp), %rax
# 0 "" 2
#NO_APP
	ret
	.cfi_endproc
	.size	h, .-h
	.type	i, @function
i:
	.cfi_startproc
#APP
# 4 "a.c" 1
	jmp 1f /* over
 ; call somewhere */
	1: incq counter(%rip)
# 0 "" 2
#NO_APP
	ret
	.cfi_endproc
	.size	i, .-i
