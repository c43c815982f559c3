// SPDX-License-Identifier: GPL-2.0-only
/*
 * Requests that leave Elite in each way, or stay: argument "scout" makes those that scouting sees.
 * With steps.c preloaded, each is made in single steps.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOINLINE __attribute__((noinline))

static void (*step)(int on, const void *serve);
static volatile int sink;

/* Never scouted: in the Fallback. In queue mode that is another thread, which is stepped, too. */
static NOINLINE int odd(int n)
{
	if (step)
		step(1, NULL);
	sink += n;
	return n ^ 5;
}

static NOINLINE int up(int n)
{
	return n + 1;
}

static NOINLINE int down(int n)
{
	return n - 1;
}

static NOINLINE int never(int n)
{
	sink += 2;
	return 2 * n;
}

static int (*const operations[])(int) = {up, down, never};

/* By tail calls, behind callee-saved registers that were pushed and popped. */
static NOINLINE int last(int n, int which)
{
	int a = up(n), b = up(n + a), c = down(a + b);

	sink += a + b * c;
	return operations[which](a + b + c);
}

static NOINLINE int deep(int n, int depth)
{
	int room[16];

	if (depth)
		return deep(n, depth - 1) + n;
	for (int i = 0; i < 16; i++)
		room[i] = i * n;
	sink += room[n & 15];
	if (n == 77)
		return odd(n);
	return down(n);
}

NOINLINE int serve(int n);
int handle(int n);

int handle(int n)
{
	char text[24];
	int sum = n;

	switch (n % 5) {
	case 0:
		sum += 3;
		break;
	case 1:
		sum = up(sum);
		break;
	case 2:
		sum = down(sum) * sink;
		break;
	case 3:
		sum ^= 0x55;
		break;
	default:
		sum = deep(n, 2);
	}
	sum += operations[n / 100 % 10](sum);
	sum += last(n, n / 1000 ? 2 : n / 100 % 10);
	memset(text, 'x', sizeof(text));
	text[n & 15] = 0;
	sum += (int)strlen(text);
	if (n == 66)
		return odd(sum);
	if (n == 88)
		return serve(2); /* requests within this one */
	return sum;
}

NOINLINE int serve(int n)
{
	int sum = 0;

	for (int i = 0; i < 2; i++)
		sum += handle(n + 5 * i);
	return sum;
}

int main(int argc, char **argv)
{
	/* In the switch's arms; cold at once, and two frames deep; pointers that scouting did not
	 * see, to Elite and not. */
	static const int unseen[] = {0, 1, 2, 3, 4, 66, 77, 88, 72, 61, 100, 200, 1001, 4, 3};
	int scout = argc > 1 && !strcmp(argv[1], "scout");
	int sum = 0;

	*(void **)&step = dlsym(RTLD_DEFAULT, "step");
	for (int i = 0; i < 40 && scout; i++)
		sum += serve(i % 20);
	/* What is made at the first request is made without steps: threads, sessions. */
	sum += scout ? 0 : serve(0);
	for (size_t i = 0; i < sizeof(unseen) / sizeof(*unseen) && !scout; i++) {
		if (step)
			step(1, (const void *)serve);
		sum += serve(unseen[i]);
		if (step)
			step(0, NULL);
	}
	printf("sum=%d\n", sum);
	return 0;
}
