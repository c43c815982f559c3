/* SPDX-License-Identifier: GPL-2.0-only WITH GCC-exception-2.0 */
/*
 * What the thesis's Fallback calls all the time (3.4.2, 5.1), for comparison only. Written to be as
 * cheap as that scheme can be: no register is saved but where an address is translated.
 *
 *	lp_thesis_likely(condition)	the thesis marks conditionals by external functions
 *	lp_thesis_check_return		called before every `ret` of the application
 *
 * lp_thesis_functions: {start in Elite, start in the Fallback, size} of each function, in the order
 * of Elite's addresses, then zeros. Elite's text begins at lp_thesis_elite_start and has
 * lp_thesis_elite_size bytes: set-up fills these in, and where there is no Elite, they say so.
 */
	.text
	.p2align 4
	.globl lp_thesis_likely
	.hidden lp_thesis_likely
	.type lp_thesis_likely, @function
lp_thesis_likely:
	mov %rdi, %rax
	ret
	.size lp_thesis_likely, .-lp_thesis_likely

	.p2align 4
	.globl lp_thesis_check_return
	.hidden lp_thesis_check_return
	.type lp_thesis_check_return, @function
lp_thesis_check_return:
	/* if (return_address - elite_start >= elite_size) return; */
	mov 8(%rsp), %r11
	sub lp_thesis_elite_start(%rip), %r11
	cmp lp_thesis_elite_size(%rip), %r11
	jb 1f
	ret
	/* for (f = functions; !(return_address - f->elite < f->size); f++) ; */
1:	push %rax
	push %rcx
	lea lp_thesis_functions(%rip), %rax
2:	mov 24(%rsp), %rcx
	mov (%rax), %r11
	test %r11, %r11
	jz 3f
	sub %r11, %rcx
	cmp 16(%rax), %rcx
	jb 4f
	add $24, %rax
	jmp 2b
3:	ud2 /* in Elite's text, but in none of its functions */
	/* return_address = f->fallback + offset; constraint 1 of 3.4.2: instructions are aligned */
4:	add 8(%rax), %rcx
	mov %rcx, 24(%rsp)
	pop %rcx
	pop %rax
	ret
	.size lp_thesis_check_return, .-lp_thesis_check_return

	.data
	.p2align 3
	.globl lp_thesis_elite_start, lp_thesis_elite_size, lp_thesis_functions
	.hidden lp_thesis_elite_start, lp_thesis_elite_size, lp_thesis_functions
lp_thesis_elite_start:
	.quad 0
lp_thesis_elite_size:
	.quad 0
lp_thesis_functions:
	.zero 24

	.section .note.GNU-stack, "", @progbits
