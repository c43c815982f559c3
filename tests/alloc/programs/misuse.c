// SPDX-License-Identifier: GPL-2.0-only
/* Wrong uses of the heap: `misuse CASE` must abort with a message; exit status 0 is a miss. */
#include <malloc.h>

#include "check.h"

/* Through volatile pointers, so that the compiler neither sees the mistake nor removes the call. */
static void *volatile block;
static char not_on_the_heap[1];

int main(int argc, char **argv)
{
	const char *name = argc == 2 ? argv[1] : "";
	void *others[300];
	char local[32];

	if (!strcmp(name, "double_free")) {
		block = malloc(40);
		free(block);
		free(block);
	} else if (!strcmp(name, "double_free_later")) {
		block = malloc(40);
		for (int n = 0; n < 300; n++)
			others[n] = malloc(40);
		free(block);
		for (int n = 0; n < 300; n++)
			free(others[n]);
		free(block);
	} else if (!strcmp(name, "double_free_large")) {
		block = malloc(100000);
		free(block);
		free(block);
	} else if (!strcmp(name, "double_free_direct")) {
		block = malloc(50000000);
		free(block);
		free(block);
	} else if (!strcmp(name, "double_free_kept")) {
		/* kept once it is needed again and again */
		for (int times = 0; times < 5; times++) {
			block = malloc(10000000);
			free(block);
		}
		free(block);
	} else if (!strcmp(name, "interior")) {
		block = malloc(200);
		free((char *)block + 16);
	} else if (!strcmp(name, "misaligned")) {
		block = malloc(200);
		free((char *)block + 1);
	} else if (!strcmp(name, "interior_large")) {
		block = malloc(100000);
		free((char *)block + 4096);
	} else if (!strcmp(name, "interior_direct")) {
		block = malloc(50000000);
		free((char *)block + 20000000);
	} else if (!strcmp(name, "stack")) {
		block = local;
		free(block);
	} else if (!strcmp(name, "static")) {
		block = not_on_the_heap;
		free(block);
	} else if (!strcmp(name, "wild")) {
		block = (void *)0xdead00000000beef;
		free(block);
	} else if (!strcmp(name, "realloc_freed")) {
		block = malloc(5000);
		free(block);
		block = realloc(block, 20000);
	} else if (!strcmp(name, "usable_size_freed")) {
		block = malloc(5000);
		free(block);
		printf("%zu\n", malloc_usable_size(block));
	} else {
		fprintf(stderr, "usage: misuse CASE\n");
		return 2;
	}
	return 0;
}
