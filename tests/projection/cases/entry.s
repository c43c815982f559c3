# At a loop head the Fallback may enter Elite: one test of a byte there, the rest out of line.
# elite: f
# FALLBACK: cmpb $0, lp_entries_enabled(%rip)
# FALLBACK: lock incq lp_entry_count(%rip)
# FALLBACK: jmp .Llpn
# ELITE: .Llpn
# ELITE: incl	%ebx
	.text
	.type	f, @function
f:
	.cfi_startproc
	pushq	%rbx
	.cfi_def_cfa_offset 16
	.cfi_offset 3, -16
	call	other
.L2:
#APP
	#LP_ENTRY 1
#NO_APP
	incl	%ebx
	jmp	.L2
	.cfi_endproc
	.size	f, .-f
