/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A request is a word of the command line: its first letter says which function it is for. A line's
 * comment says how many requests stop there in the kernel, where Elite has no getenv and no qsort.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int sum;

static int early(int c)
{
	sum++;
	if (c == '0')
		return 0;
	return getenv("HOME") != NULL; /* kernel: 30 */
}

static int one_arm(int c)
{
	if (c == '1')
		sum += getenv("PATH") != NULL; /* kernel: 20 */
	return sum;
}

static int looped(int n)
{
	for (int i = '0'; i < n; i++)
		sum += getenv("LOOP") != NULL; /* kernel: 15 */
	return sum;
}

static int twice(int c)
{
	if (c == '1')
		sum += getenv("FIRST") != NULL;	 /* kernel: 0 */
	return sum + (getenv("SECOND") != NULL); /* kernel: 12 */
}

static int said(int c)
{
	if (c == '1')
		printf("said\n"); /* kernel: 11 */
	return c;
}

static int compare(const void *a, const void *b)
{
	return *(const char *)a - *(const char *)b;
}

static int sorted(const char *word)
{
	char copy[8] = "";

	strncpy(copy, word, sizeof(copy) - 1);
	qsort(copy, strlen(copy), 1, compare); /* kernel: 10 */
	return copy[0];
}

static int half(int x)
{
	sum += x;
	return x / 2;
}

static int pointer(int c)
{
	static int (*const functions[])(int) = {half, putchar};
	int (*volatile function)(int) = functions[c == '1'];

	return function(c); /* kernel: 9 */
}

static int assembly(int c)
{
	if (c == '1') {
		__asm__ volatile("xorl %%eax, %%eax" : : : "eax"); /* kernel: 8 */
	}
	return c;
}

static int jumps(int c)
{
	static const void *const labels[] = {&&zero, &&one};

	if (c == '2')
		return 2;
	goto *labels[c & 1]; /* kernel: 7 */
zero:
	sum += 5;
	return half(c);
one:
	return half(c + 1);
}

static int rare(int c)
{
	if (c == '1') { /* both: 1 */
		sum += 1000 * half(sum) + half(sum / 3) + half(sum / 5) + half(sum / 7);
		sum += 1000 * half(sum) + half(sum / 3) + half(sum / 5) + half(sum / 7);
		sum += 1000 * half(sum) + half(sum / 3) + half(sum / 5) + half(sum / 7);
		sum += 1000 * half(sum) + half(sum / 3) + half(sum / 5) + half(sum / 7);
	}
	return sum;
}

__attribute__((noinline)) int handle(const char *word)
{
	switch (word[0]) {
	case 'e':
		return early(word[1]);
	case 'o':
		return one_arm(word[1]);
	case 'l':
		return looped(word[1]);
	case 't':
		return twice(word[1]);
	case 's':
		return said(word[1]);
	case 'q':
		return sorted(word);
	case 'p':
		return pointer(word[1]);
	case 'a':
		return assembly(word[1]);
	case 'j':
		return jumps(word[1]);
	default:
		return rare(word[1]);
	}
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		handle(argv[i]);
	printf("%d\n", sum);
	return 0;
}
