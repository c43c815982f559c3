# The stack protector's check stays, and the call of its failure; in the kernel form that is the
# Fallback's.
# elite: f
# ELITE: subq	%fs:40, %rax
# ELITE: jne .Llpe
# ELITE: call __stack_chk_fail
# KERNEL: jne .Llpkx
# KERNEL-NOT: __stack_chk_fail
# SITE: ?:f:call@0:__stack_chk_fail
	.text
	.type	f, @function
f:
	.cfi_startproc
	subq	$24, %rsp
	.cfi_def_cfa_offset 32
	movq	8(%rsp), %rax
	subq	%fs:40, %rax
	jne	.L5
	addq	$24, %rsp
	.cfi_remember_state
	.cfi_def_cfa_offset 8
	ret
.L5:
	.cfi_restore_state
	call	__stack_chk_fail
	.cfi_endproc
	.size	f, .-f
