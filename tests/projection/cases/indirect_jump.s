# An indirect jump with a frame still on the stack can't be followed: a deopt before it.
# elite: f
# ELITE-NOT: jmp	*
# SITE: ?:f:call@0:*%rax rsp+16 -
	.text
	.type	f, @function
f:
	.cfi_startproc
	subq	$8, %rsp
	.cfi_def_cfa_offset 16
	jmp	*%rax
	.cfi_endproc
	.size	f, .-f
