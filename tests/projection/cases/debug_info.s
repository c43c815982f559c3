# Debug lines serve the sites' positions and are gone where the build did not ask for them.
# elite: f
# SITE: a.c:f:call@12:other
# FALLBACK-NOT: .loc
# FALLBACK-NOT: .debug_info
# FALLBACK: .ident
# FALLBACK: .weak	perhaps
	.text
	.file 1 "a.c"
	.type	f, @function
f:
	.loc 1 10 1
	.cfi_startproc
	subq	$8, %rsp
	.cfi_def_cfa_offset 16
	.loc 1 12 3 view .LVU2
	call	other
	addq	$8, %rsp
	.cfi_def_cfa_offset 8
	ret
	.cfi_endproc
	.size	f, .-f
	.section	.debug_info,"",@progbits
	.long	0x1
	.ident	"GCC"
	.weak	perhaps
