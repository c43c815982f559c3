# Tail calls: to Elite's own copy, else as they stand; in the kernel form a deopt before the jump.
# elite: f, g
# ELITE: jmp g.lp_elite
# ELITE: jmp memcpy
# ELITE: jmp other
# ELITE-NOT: lp_deopt
# KERNEL: jmp lp_form_memcpy.lp_kernel
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
