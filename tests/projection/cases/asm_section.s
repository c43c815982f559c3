# Inline assembly that writes to another section would do so twice: a deopt before it.
# elite: f
# ELITE-NOT: __jump_table
# SITE: ?:f:call@0:inlineasm
	.text
	.type	f, @function
f:
	.cfi_startproc
#APP
# 3 "a.c" 1
	1: nop
	.pushsection __jump_table, "aw"
	.quad 1b, .L3
	.popsection
# 0 "" 2
#NO_APP
	movl	$1, %eax
.L3:
	ret
	.cfi_endproc
	.size	f, .-f
