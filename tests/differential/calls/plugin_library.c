// SPDX-License-Identifier: GPL-2.0-only
/* The plugin of plugin.c. */
int plugin(int (*back)(int), int n)
{
	int sum = 0;

	for (int i = 0; i < 4; i++)
		sum = sum * 3 + back(n + i);
	return sum;
}
