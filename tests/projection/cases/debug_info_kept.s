# With -g the Fallback's debug information stays, and Elite's lines can be stepped through.
# elite: f
# debug: yes
# assembler: gcc
# FALLBACK: .section	.debug_info
# ELITE: .loc 1 10 1
	.text
	.file 1 "a.c"
	.type	f, @function
f:
	.loc 1 10 1 is_stmt 1 view .LVU1
	.cfi_startproc
	ret
	.cfi_endproc
	.size	f, .-f
	.section	.debug_info,"",@progbits
	.long	0x1
