# clang ends a file with its aliases, behind the debug sections that are left out.
# elite: f
# ELITE: call 
# FALLBACK: .set g, f2
# FALLBACK: h = f2
# FALLBACK: .quad	f2
# FALLBACK-NOT: .Ldebug
# FALLBACK-NOT: .Lset0
	.text
	.type	f2,@function
f2:
	.cfi_startproc
	retq
	.cfi_endproc
.Lfunc_end0:
	.size	f2, .Lfunc_end0-f2
	.type	f,@function
f:
	.cfi_startproc
	call	g
	retq
	.cfi_endproc
.Lfunc_end1:
	.size	f, .Lfunc_end1-f
	.section	.debug_info,"",@progbits
.Ldebug1:
	.set .Lset0, .Ldebug2-.Ldebug1
	.long	.Lset0
.Ldebug2:
	.globl	g
	.set g, f2
	h = f2
	.section	.data.kept,"aw",@progbits
	.quad	f2
	.section	.debug_line,"",@progbits
.Ldebug3:
