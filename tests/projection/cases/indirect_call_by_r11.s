# A call through memory that %r11 addresses leaves no register for the pointer: a deopt.
# elite: f
# ELITE-NOT: lp_lookup
# SITE: ?:f:call@0:*8(%r11)
	.text
	.type	f, @function
f:
	.cfi_startproc
	subq	$8, %rsp
	.cfi_def_cfa_offset 16
	call	*8(%r11)
	addq	$8, %rsp
	.cfi_def_cfa_offset 8
	ret
	.cfi_endproc
	.size	f, .-f
