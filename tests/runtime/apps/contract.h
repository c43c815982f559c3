/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The projection's contract (kernel/uapi/lp_abi.h) as assembler macros, for hand-written programs.
 */

/* struct lp_frame_rule; registers' places are (address - CFA) / 8. */
.macro frame_rule base, offset, rbx=0, rbp=0, r12=0, r13=0, r14=0, r15=0
	.long \offset
	.byte \base, 0, 0, 0
	.value \rbx, \rbp, \r12, \r13, \r14, \r15
	.long 0
.endm

/* struct lp_site without its rule, which follows: `site_begin l, f; frame_rule …; site_end …`. */
.macro site_begin label, fallback
	.pushsection lp_sites, "aw", @progbits
	.p2align 3
\label:
	.quad \fallback
.endm

.macro site_end name, line, kind=1, elite=0
	.quad .Lname\@, .Lfile\@
	.long \line
	.byte \kind, 0, 0, 0
	.quad 0, \elite
	.popsection
	.pushsection .rodata
.Lname\@:
	.string "\name"
.Lfile\@:
	.string "app.c"
	.popsection
.endm

.macro return_begin elite, fallback
	.pushsection lp_returns, "aw", @progbits
	.p2align 3
	.quad \elite, \fallback
.endm

.macro return_end
	.popsection
.endm

.macro function_record fallback, elite
	.pushsection lp_functions, "aw", @progbits
	.p2align 3
	.quad \fallback, \elite, .Lfn\@
	.popsection
	.pushsection .rodata
.Lfn\@:
	.string "\fallback"
	.popsection
.endm

.macro elite_text
	.section lp_elite_text, "ax", @progbits
.endm

/* The stub that leaves Elite. */
.macro leave site
	pushq $\site
	jmp lp_deopt
.endm

/* The request function's stub and names. */
.macro request_function name
	.text
	.p2align 4
	.globl \name
	.type \name, @function
\name:
	jmp *lp_request_target(%rip)
	.size \name, .-\name
	.globl lp_request_fallback, lp_request_elite
	.hidden lp_request_fallback, lp_request_elite
	.set lp_request_fallback, \name\().lp_fallback
	.set lp_request_elite, \name\().lp_elite
.endm
