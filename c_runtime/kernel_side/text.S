/* SPDX-License-Identifier: GPL-2.0-only WITH GCC-exception-2.0 */
/*
 * The runtime's part of the kernel text: the jumps to the driver, and the stack switch
 * (save_and_switch_elite.S) as E does it. Not loaded with the program; see docs/kernel.md.
 */
#include "kernel_side/kernel.h"
#include "lp_parameters.h"
#include "dispatch/slot.h"

	.weak lp_request_kernel
	.hidden lp_request_kernel
	.weak lp_request_fallback
	.hidden lp_request_fallback

/* A jump that the module's build leads to the driver. */
.macro import name
	.section lp_kernel_text, "", @progbits
	.globl \name
	.hidden \name
\name:
	.byte 0xe9
	.long 0
	.section lp_kernel_imports, "", @progbits
	.quad \name
.Lname_\@:
	.ascii "\name"
	.zero LP_IMPORT_NAME_SIZE - (. - .Lname_\@)
.endm

/* Frame rules: the CFA is %rsp plus 8; or what the slot at %rsp says of its caller. */
.macro rule_of_call
	.long 8
	.byte LP_DWARF_RSP, LP_RULE_FRAME, 0, 0
	.zero LP_RULE_SIZE - LP_RULE_SAVED
.endm

.macro rule_of_slot
	.long LP_SLOT_CALLER_RSP
	.byte LP_DWARF_RSP, LP_RULE_SWITCH, 0, 0
	.zero LP_RULE_SIZE - LP_RULE_SAVED
.endm

/* A struct lp_elite_site. */
.macro site name, fallback, rule, elite=-1
	.section lp_kernel_sites, "", @progbits
	.p2align 3
\name:
	.quad \fallback
	\rule
	.quad 0, \elite
.endm

/* An instruction that may fault: it runs again with its page; without one, leave by `fallback`. */
.macro may_fault fallback, rule, instruction:vararg
	site .Lsite_\@, \fallback, \rule, .Lat_\@
	.section lp_kernel_extable, "", @progbits
	.p2align 3
	.quad .Lat_\@, .Lfix_\@
	.section lp_kernel_text, "", @progbits
	.subsection 1
.Lfix_\@:
	pushq $.Lsite_\@
	jmp lp_k_fault
	.subsection 0
.Lat_\@:
	\instruction
.endm

	import lp_k_deopt
	import lp_k_fault
	import lp_k_budget
	import lp_k_syscall
	import lp_k_adopt
	import lp_k_force

/*
 * lp_k_enter_request: as lp_enter_request, on the thread's own slot. If that is taken, or there is
 * none yet, the request runs in the Fallback, and so does its loop until it comes round.
 *
 *	%r11		the slot (its head)
 *	%rcx		on the way back: the caller's %rsp, then its stack limit
 */
	site .Lbefore, lp_request_fallback, rule_of_call
	site .Lclaimed, lp_request_without_slot, rule_of_call
	.section lp_kernel_text, "", @progbits
	.globl lp_k_enter_request
	.hidden lp_k_enter_request
lp_k_enter_request:
	may_fault lp_request_fallback, rule_of_call, btrl $0, %fs:lp_own_idle@tpoff
	jnc .Lleave
	may_fault lp_request_without_slot, rule_of_call, mov %fs:lp_own_slot@tpoff, %r11
	pushq $.Lclaimed
	call lp_k_adopt
	may_fault lp_request_without_slot, rule_of_call, mov %rsp, LP_SLOT_CALLER_RSP(%r11)
#if LP_QUEUE
	/* The caller's registers, for when the request is queued. */
	.set lp_place, LP_SLOT_CALLER_SAVED
	.irp register, rbx, rbp, r12, r13, r14, r15
	may_fault lp_request_without_slot, rule_of_call, mov %\register, lp_place(%r11)
	.set lp_place, lp_place + 8
	.endr
#endif
	may_fault lp_request_without_slot, rule_of_call, incq LP_SLOT_REQUESTS(%r11)
	may_fault lp_request_without_slot, rule_of_call, mov %r11, %fs:lp_kernel_limit@tpoff
	may_fault lp_request_without_slot, rule_of_call, subq $(LP_KERNEL_SLOT_STACK - LP_KERNEL_RESERVE), %fs:lp_kernel_limit@tpoff
	mov %r11, %rsp
	call lp_request_kernel
.Lreturn:
	/* Results in %rax and %rdx. */
	may_fault lp_request_return, rule_of_slot, cmp %rsp, %fs:lp_own_slot@tpoff
	jne .Lput
	may_fault lp_request_return, rule_of_slot, mov LP_SLOT_CALLER_RSP(%rsp), %rcx
	may_fault lp_request_return, rule_of_slot, movq $0, LP_SLOT_CALLER_RSP(%rsp)
	mov %rsp, %r11
	mov %rcx, %rsp
	may_fault lp_request_return_left, rule_of_call, mov %fs:lp_kernel_loop_limit@tpoff, %rcx
	may_fault lp_request_return_left, rule_of_call, mov %rcx, %fs:lp_kernel_limit@tpoff
	may_fault lp_request_return_left, rule_of_call, movl $1, %fs:lp_own_idle@tpoff
	ret

.Lleave:
	pushq $.Lbefore
	jmp lp_k_deopt

	/* A slot that is not the thread's own any more: user space gives it back. */
	site .Lreturned, lp_request_return, rule_of_slot
	.section lp_kernel_text, "", @progbits
.Lput:
	pushq $.Lreturned
	jmp lp_k_deopt

	.section lp_kernel_returns, "", @progbits
	.p2align 3
	.quad .Lreturn, lp_request_return
	rule_of_slot

	.section .note.GNU-stack, "", @progbits
