# clang leaves .cfi_offset standing after the pop: a copy below %rsp is not one to restore from.
# elite: f
# SITE: ?:f:call@0:other rsp+8 -
	.text
	.type	f,@function
f:
	.cfi_startproc
	pushq	%rbx
	.cfi_def_cfa_offset 16
	.cfi_offset %rbx, -16
	movl	%edi, %ebx
	popq	%rbx
	.cfi_def_cfa_offset 8
	jmp	other                           # TAILCALL
	.cfi_endproc
	.size	f, .-f
