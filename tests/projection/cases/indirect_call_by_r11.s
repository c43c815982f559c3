# A call through memory that %r11 addresses: the pointer takes its place, since no deopt follows. In
# the kernel form one may: no register is left for the pointer, so the deopt comes first.
# elite: f
# ELITE: movq 8(%r11), %r11
# ELITE: call lp_lookup
# ELITE: call *%r11
# KERNEL-NOT: (%r11)
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
