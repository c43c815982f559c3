# Stress builds check before every call and at every hot arm; ordinary ones don't.
# elite: f
# stress: yes
# ELITE: cmpb $0, lp_force_armed(%rip)
# ELITE: jne .Llpk
# ELITE: cmpb $0, lp_force_armed(%rip)
# ELITE: call memcpy
# ELITE: jmp lp_force
	.text
	.type	f, @function
f:
	.cfi_startproc
	subq	$8, %rsp
	.cfi_def_cfa_offset 16
#APP
	#LP_ARM 1
#NO_APP
	call	memcpy
	addq	$8, %rsp
	.cfi_def_cfa_offset 8
	ret
	.cfi_endproc
	.size	f, .-f
