# asm goto: its branches are redirected like the compiler's own.
# elite: f
# ELITE: testl %edi, %edi
# ELITE: js .Llpe
# ELITE: movl	$7, %eax
	.text
	.type	f, @function
f:
	.cfi_startproc
#APP
# 3 "a.c" 1
	testl %edi, %edi; js .L3
# 0 "" 2
#NO_APP
	movl	$1, %eax
	ret
.L3:
	movl	$7, %eax
	ret
	.cfi_endproc
	.size	f, .-f
