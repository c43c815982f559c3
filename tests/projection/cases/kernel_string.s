# elite: f
# KERNEL: testq %rsi, %rsi
# KERNEL: testq %rdi, %rdi
# KERNEL: rep movsq
# KERNEL: testq %rdi, %rdi
# KERNEL: rep stosb
# KERNEL: testq %rdi, %rdi
# KERNEL: rep		stosb	%al, %es:(%rdi)
# KERNEL: testq %rsi, %rsi
# KERNEL: testq %rdi, %rdi
# KERNEL: rep		movsb	(%rsi), %es:(%rdi)
# KERNEL: testq %rdi, %rdi
# KERNEL: repnz scasb
# KERNEL: movsbl	%al, %eax
	.text
	.globl	f
	.type	f, @function
f:
	.cfi_startproc
	rep movsq
	movq	%rdx, %rdi
	rep stosb
	rep		stosb	%al, %es:(%rdi)
	rep		movsb	(%rsi), %es:(%rdi)
	movq	%rdx, %rdi
	repnz scasb
	movsbl	%al, %eax
	ret
	.cfi_endproc
	.size	f, .-f
