/* Duff's device: case labels in a loop's body.
 * sites: f: switch do
 */
#include <stdio.h>
static void f(char *to, const char *from, int count)
{
	int n = (count + 3) / 4;
	switch (count % 4) {
	case 0:
		do {
			*to++ = *from++;
	case 3:
			*to++ = *from++;
	case 2:
			*to++ = *from++;
	case 1:
			*to++ = *from++;
		} while (--n > 0);
	}
}
int handle(int x)
{
	char out[32] = {0};
	f(out, "abcdefghijklmnop", x);
	return printf("%s\n", out);
}
int main(void)
{
	for (int i = 1; i < 12; i++)
		handle(i);
	return 0;
}
