# A table that catches, as no C compiler writes it, is not understood: not Elite.
# elite: f
# REJECTED: f: a table of exceptions with more than cleanups
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
	.uleb128 1
	.uleb128 .LEHB1-.LFB0
	.uleb128 .LEHE1-.LEHB1
	.uleb128 .L4-.LFB0
	.uleb128 1
.LLSDACSE0:
	.text
	.cfi_endproc
	.size	f, .-f
