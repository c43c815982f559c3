# The request function's Fallback takes another name; callers meet a stub that dispatches.
# elite: f
# request: f
# FALLBACK: f.lp_fallback:
# FALLBACK: .size f.lp_fallback, .-f.lp_fallback
# FALLBACK: f:
# FALLBACK: jmp *lp_request_target(%rip)
# ELITE: call *lp_request_target(%rip)
	.text
	.globl	f
	.type	f, @function
f:
	.cfi_startproc
	subq	$8, %rsp
	.cfi_def_cfa_offset 16
	call	f
	addq	$8, %rsp
	.cfi_def_cfa_offset 8
	ret
	.cfi_endproc
	.size	f, .-f
