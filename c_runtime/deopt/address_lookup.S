/* SPDX-License-Identifier: GPL-2.0-only WITH GCC-exception-2.0 */
/*
 * lp_lookup: from a function's address, as pointers hold it, to its Elite copy (thesis 3.4.1).
 *
 *	in	%r11	the address
 *	out	%r11	Elite's copy, ZF clear; or unchanged, ZF set: there is none
 *
 * All other registers are kept. Elite calls it for targets that scouting did not see.
 *
 *	register	holds
 *	%rax		place in the table
 *	%rcx		shift, then the key found
 *	%rdx		entry
 */
#include "dispatch/slot.h"
#include "deopt/tables.h"
#include "lp_verbs.h"

	.text
begin_function lp_lookup
	.cfi_startproc
	push %rax
	.cfi_adjust_cfa_offset 8
	push %rcx
	.cfi_adjust_cfa_offset 8
	push %rdx
	.cfi_adjust_cfa_offset 8
	/* place = address * LP_TABLE_HASH >> shift; */
	movabs $LP_TABLE_HASH, %rax
	imul %r11, %rax
	mov lp_functions_table+LP_TABLE_SHIFT(%rip), %ecx
	shr %cl, %rax
1:	/* entry = &entries[place]; */
	mov %rax, %rdx
	shl $LP_TABLE_ENTRY_SHIFT, %rdx
	add lp_functions_table+LP_TABLE_ENTRIES(%rip), %rdx
	/* if (!entry->key) not found; if (entry->key == address) found; */
	mov (%rdx), %rcx
	test %rcx, %rcx
	jz 2f
	cmp %r11, %rcx
	je 3f
	/* place = (place + 1) & mask; */
	inc %rax
	and lp_functions_table+LP_TABLE_MASK(%rip), %rax
	jmp 1b
2:	/* not found: leave with ZF set */
	pop %rdx
	.cfi_adjust_cfa_offset -8
	pop %rcx
	.cfi_adjust_cfa_offset -8
	pop %rax
	.cfi_adjust_cfa_offset -8
	cmp %r11, %r11
	ret
	.cfi_adjust_cfa_offset 24
3:	/* found: no function lies at zero, so this clears ZF */
	mov LP_TABLE_ENTRY_VALUE(%rdx), %r11
	pop %rdx
	.cfi_adjust_cfa_offset -8
	pop %rcx
	.cfi_adjust_cfa_offset -8
	pop %rax
	.cfi_adjust_cfa_offset -8
	test %r11, %r11
	ret
	.cfi_endproc
end_function lp_lookup

	.section .note.GNU-stack, "", @progbits
