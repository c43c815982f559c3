// SPDX-License-Identifier: GPL-2.0-only
/* A module that warns, or oopses, when it is loaded: for the tests of the console's reader. */
#include <linux/module.h>

static bool oops;
module_param(oops, bool, 0);

static int __init warner_init(void)
{
	if (oops)
		WRITE_ONCE(*(int *)NULL, 1);
	WARN(!oops, "as asked");
	return -ENODEV;
}
module_init(warner_init);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Warns or oopses when it is loaded");
