# A function's part in .text.unlikely belongs to it; a jump into it finds its marker.
# elite: f
# ELITE: cmpl	$3, %edi
# ELITE: jg .Llpx
# ELITE: ret
# ELITE-NOT: abort_like
# SITE: s1
	.text
	.type	f, @function
f:
	.cfi_startproc
	cmpl	$3, %edi
	jg	.L2
	ret
	.cfi_endproc
	.section	.text.unlikely
	.cfi_startproc
	.type	f.cold, @function
f.cold:
.L2:
#APP
# 4 "a.c" 1
	#LP_COLD 1
# 0 "" 2
#NO_APP
	call	abort_like
	.cfi_endproc
	.text
	.size	f, .-f
	.section	.text.unlikely
	.size	f.cold, .-f.cold
