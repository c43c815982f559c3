// SPDX-License-Identifier: GPL-2.0-only
// The C++ side of exceptions.c.
extern "C" int thrower(int n)
{
	if (n % 3 == 0)
		throw n + 1;
	if (n % 3 == 1)
		throw "text";
	return n;
}

extern "C" int catcher(int (*function)(int), int n)
{
	try {
		return function(n);
	} catch (int value) {
		return 1000 + value;
	} catch (const char *) {
		return 2000;
	}
}
