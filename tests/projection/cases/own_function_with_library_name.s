# The program's own `read` is not the library's: in the kernel form a deopt before the call.
# elite: f
# defined: read
# ELITE: call read
# KERNEL-NOT: call
# SITE: ?:f:call@0:read
	.text
	.type	f, @function
f:
	.cfi_startproc
	subq	$8, %rsp
	.cfi_def_cfa_offset 16
	call	read
	addq	$8, %rsp
	.cfi_def_cfa_offset 8
	ret
	.cfi_endproc
	.size	f, .-f
