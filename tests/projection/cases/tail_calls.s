# Tail calls: to Elite's own copy, to the library as they stand, else a deopt before the jump.
# elite: f, g
# ELITE: jmp g.lp_elite
# ELITE: jne .Llpx
# ELITE: jmp memcpy
# SITE: ?:f:call@0:other
	.text
	.type	g, @function
g:
	.cfi_startproc
	ret
	.cfi_endproc
	.size	g, .-g
	.globl	f
	.type	f, @function
f:
	.cfi_startproc
	testl	%edi, %edi
	jne	.L2
	jmp	g
.L2:
	testl	%esi, %esi
	jne	.L3
	jmp	memcpy
.L3:
	jmp	other
	.cfi_endproc
	.size	f, .-f
