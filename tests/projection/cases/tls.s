# Thread-local accesses stay as they are: both sides have the same %fs.
# elite: f
# ELITE: movl	%fs:counter@tpoff, %eax
	.text
	.type	f, @function
f:
	.cfi_startproc
	movl	%fs:counter@tpoff, %eax
	ret
	.cfi_endproc
	.size	f, .-f
	.section	.tbss,"awT",@nobits
counter:
	.zero	4
