/* SPDX-License-Identifier: GPL-2.0-only */
/* clang passes a large struct by value with rep;movsq */
struct big {
	long a[60];
};
__attribute__((noinline)) long take(struct big b, int i)
{
	return b.a[i];
}
__attribute__((noinline)) long give(struct big *p, int i)
{
	return take(*p, i) + take(*p, i + 1);
}
struct big x;
__attribute__((noinline)) int request(int at)
{
	return give(&x, at) == 63 ? 0 : 1;
}
int main(void)
{
	for (int i = 0; i < 60; i++)
		x.a[i] = i * 3;
	return request(10);
}
