# A frame realigned at run time has a CFA expression that the tables can't hold: not Elite.
# elite: f
# REJECTED: f: its frame is realigned at run time
	.text
	.type	f, @function
f:
	.cfi_startproc
	leaq	8(%rsp), %r10
	.cfi_def_cfa 10, 0
	andq	$-32, %rsp
	pushq	-8(%r10)
	pushq	%rbp
	movq	%rsp, %rbp
	.cfi_escape 0x10,0x6,0x2,0x76,0
	pushq	%r10
	.cfi_escape 0xf,0x3,0x76,0x78,0x6
	call	other
	ret
	.cfi_endproc
	.size	f, .-f
