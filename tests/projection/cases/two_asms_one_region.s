# gcc merges neighbouring asm statements: a marker between them still ends Elite's block.
# elite: f
# ELITE: incl %edi
# ELITE: jmp .Llpx
# ELITE-NOT: decl %edi
	.text
	.type	f, @function
f:
	.cfi_startproc
#APP
# 3 "a.c" 1
	incl %edi
# 0 "" 2
# 4 "a.c" 1
	#LP_COLD 1
# 0 "" 2
# 5 "a.c" 1
	decl %edi
# 0 "" 2
#NO_APP
	ret
	.cfi_endproc
	.size	f, .-f
