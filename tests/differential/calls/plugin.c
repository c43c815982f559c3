// SPDX-License-Identifier: GPL-2.0-only
/* A function of a plugin, by a pointer that nobody has seen, which calls back. */
#include <dlfcn.h>

#include "calls.h"

typedef int callback(int);
typedef int plugin(callback *, int);

static plugin *hook;
static int (*libcall)(int);

static int called_back(int n)
{
	return n % 3 ? n + 1 : request(-n - 2);
}

int request(int n)
{
	int (*unknown)(int) = n % 2 ? libcall : called_back;

	if (n < 0)
		return -n;
	return answer(n, hook(called_back, n) + unknown(n + 60));
}

int main(void)
{
	void *library = dlopen(getenv("PLUGIN"), RTLD_NOW);

	if (!library) {
		puts(dlerror());
		return 1;
	}
	*(void **)&hook = dlsym(library, "plugin");
	*(void **)&libcall = dlsym(RTLD_DEFAULT, "toupper");
	return serve();
}
