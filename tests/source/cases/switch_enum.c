/* A switch over all of an enumeration gets no default: the compiler may know that there is none.
 * sites: all: switch; some: switch
 * arms: all:0: case0 case1 case2; some:0: case0 default
 */
#include <stdio.h>
enum colour { RED, GREEN = 5, BLUE };
static int all(enum colour c)
{
	switch (c) {
	case RED: return 1;
	case GREEN: return 2;
	case BLUE: return 3;
	}
	return 4;
}
static int some(enum colour c)
{
	switch (c) {
	case RED: return 1;
	}
	return 2;
}
int handle(int x) { return all((enum colour)x) * 10 + some((enum colour)x); }
int main(void)
{
	printf("%d %d %d\n", handle(0), handle(5), handle(6));
	return 0;
}
