# A switch's table is copied: hot arms lead to Elite, cold ones to stubs.
# elite: f
# KERNEL: cmpq $0, %rax
# ELITE: jmp	*.Llpt
# ELITE: .pushsection .rodata.lp_elite
# ELITE: .quad .Llpx
# ELITE: .quad .Llpe
	.text
	.type	f, @function
f:
	.cfi_startproc
	movl	%edi, %eax
	jmp	*.L4(,%rax,8)
	.section	.rodata
	.align 8
.L4:
	.quad	.L5
	.quad	.L6
	.text
.L5:
#APP
	#LP_COLD 1
#NO_APP
	ret
.L6:
	movl	$6, %eax
	ret
	.cfi_endproc
	.size	f, .-f
