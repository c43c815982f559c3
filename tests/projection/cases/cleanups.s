# A frame that is unwound runs its cleanups, whichever side it is on: Elite has a table of its own,
# whose landing pads are the Fallback's. A place without one needs none.
# elite: f
# ELITE: .cfi_personality 0x3, __gcc_personality_v0
# ELITE: .cfi_lsda 0x3, .Llpv
# ELITE: call first
# ELITE: _b:
# ELITE: call second
# ELITE: _e:
# ELITE: call *%r11
# ELITE: .pushsection .gcc_except_table.lp_elite
# ELITE: .byte 0x3
# ELITE: .Llpu19_0_b-f.lp_elite, .Llpu19_0_e-.Llpu19_0_b, .L3
# ELITE: .Llpu19_1_b-f.lp_elite, .Llpu19_1_e-.Llpu19_1_b, .L4
# ELITE-NOT: .Llpu19_2
# KERNEL-NOT: gcc_except_table
	.text
	.globl	f
	.type	f, @function
f:
.LFB0:
	.cfi_startproc
	.cfi_personality 0x3,__gcc_personality_v0
	.cfi_lsda 0x3,.LLSDA0
	pushq	%rbx
	.cfi_def_cfa_offset 16
	.cfi_offset 3, -16
	call	first
.LEHB0:
	call	second
.LEHE0:
.LEHB1:
	call	*%rbx
.LEHE1:
	popq	%rbx
	.cfi_def_cfa_offset 8
	ret
.L3:
.L4:
	.cfi_def_cfa_offset 16
	movq	%rax, %rdi
	call	_Unwind_Resume
	.section	.gcc_except_table,"a",@progbits
.LLSDA0:
	.byte	0xff
	.byte	0xff
	.byte	0x1
	.uleb128 .LLSDACSE0-.LLSDACSB0
.LLSDACSB0:
	.uleb128 .LEHB0-.LFB0
	.uleb128 .LEHE0-.LEHB0
	.uleb128 .L3-.LFB0
	.uleb128 0
	.uleb128 .LEHB1-.LFB0
	.uleb128 .LEHE1-.LEHB1
	.uleb128 .L4-.LFB0
	.uleb128 0
.LLSDACSE0:
	.text
	.cfi_endproc
	.size	f, .-f
