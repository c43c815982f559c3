# Whatever is called returns into Elite; each call has a record, since what is called may jump on
# into Elite, which may leave.
# elite: f
# external: ext
# ELITE: call printf@PLT
# ELITE: .Llpq
# ELITE: call cold
# ELITE: .Llpq
# ELITE: call *own@GOTPCREL(%rip)
# ELITE: .Llpq
# ELITE: jmp *own@GOTPCREL(%rip)
# ELITE: ext.lp_elite:
# ELITE: jmp ext
# ELITE-NOT: lp_deopt
# KERNEL-NOT: printf
# KERNEL-NOT: cold
# KERNEL-NOT: own
# STOP: none
# KERNEL-STOP: a.c:3 a call of a function that has no kernel form: printf
	.text
	.file 1 "a.c"
	.type	cold, @function
cold:
	.cfi_startproc
	ret
	.cfi_endproc
	.size	cold, .-cold
	.globl	f
	.type	f, @function
f:
	.cfi_startproc
	subq	$8, %rsp
	.cfi_def_cfa_offset 16
	call	ext
	.loc 1 3 1
	call	printf@PLT
	call	cold
	call	*own@GOTPCREL(%rip)
	addq	$8, %rsp
	.cfi_def_cfa_offset 8
	jmp	*own@GOTPCREL(%rip)
	.cfi_endproc
	.size	f, .-f
