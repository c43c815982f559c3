# elite: lp_form_read
# forms: yes
# KERNEL: pushq $.Llpkr
# KERNEL: call lp_k_syscall
# KERNEL: cmpq	$-4096, %rax
# KERNEL-NOT: 	syscall
	.text
	.globl	lp_form_read
	.type	lp_form_read, @function
lp_form_read:
	.cfi_startproc
	xorl	%eax, %eax
#APP
# 12 "forms.h" 1
	syscall
# 0 "" 2
#NO_APP
	cmpq	$-4096, %rax
	ret
	.cfi_endproc
	.size	lp_form_read, .-lp_form_read
