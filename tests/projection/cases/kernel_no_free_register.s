# elite: f
# debug: yes
# KERNEL: pushq %rdx
# KERNEL: leaq (%rax,%rcx), %rdx
# KERNEL: popq %rdx
# KERNEL: movb	$1, (%rax,%rcx)
# KERNEL-NOT: .loc
	.file 1 "a.c"
	.text
	.globl	f
	.type	f, @function
f:
	.cfi_startproc
	.loc 1 3 1
	movb	$1, (%rax,%rcx)
	ret
	.cfi_endproc
	.size	f, .-f
