# @PLT and calls through the GOT name their function.
# elite: f
# external: ext
# ELITE: call ext.lp_elite
# ELITE: call ext.lp_elite
# ELITE: .weak ext.lp_elite
# SITE: ?:ext:entry rsp+8 -
	.text
	.type	f, @function
f:
	.cfi_startproc
	subq	$8, %rsp
	.cfi_def_cfa_offset 16
	call	ext@PLT
	call	*ext@GOTPCREL(%rip)
	addq	$8, %rsp
	.cfi_def_cfa_offset 8
	ret
	.cfi_endproc
	.size	f, .-f
