# The frame rule at a label is the one in force there in the text, across remember and restore.
# elite: f
# SITE: s1 rsp+16 rbx
	.text
	.type	f, @function
f:
	.cfi_startproc
	pushq	%rbx
	.cfi_def_cfa_offset 16
	.cfi_offset 3, -16
	testl	%edi, %edi
	je	.L2
	popq	%rbx
	.cfi_remember_state
	.cfi_restore 3
	.cfi_def_cfa_offset 8
	ret
.L2:
	.cfi_restore_state
#APP
	#LP_COLD 1
#NO_APP
	call	other
	popq	%rbx
	.cfi_def_cfa_offset 8
	ret
	.cfi_endproc
	.size	f, .-f
