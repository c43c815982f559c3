# gcc writes debug labels behind an asm statement, before #NO_APP: they are not part of it.
# elite: f
# ELITE: incl %edi
# ELITE: ret
	.text
	.type	f, @function
f:
	.cfi_startproc
#APP
# 3 "a.c" 1
	incl %edi
# 0 "" 2
.LVL21:
#NO_APP
	ret
	.cfi_endproc
	.size	f, .-f
