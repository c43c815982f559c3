# clang writes `rep;movsq` on one line: one instruction.
# elite: f
# KERNEL: testq %rdi, %rdi
# KERNEL: rep movsq (%rsi), %es:(%rdi)
# FALLBACK: rep;movsq (%rsi), %es:(%rdi)
	.text
	.type	f,@function
f:
	.cfi_startproc
	movl	$60, %ecx
	rep;movsq (%rsi), %es:(%rdi)
	retq
	.cfi_endproc
	.size	f, .-f
