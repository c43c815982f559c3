// SPDX-License-Identifier: GPL-2.0-only
/* LakePlacid: the hot path of an ordinary server, run in the kernel. */
#include <linux/module.h>

#include "departure.h"
#include "device.h"
#include "syscalls.h"

static int __init lp_init(void)
{
	int error;

	error = lp_syscalls_init();
	if (error)
		return error;
	error = lp_departure_init();
	if (error)
		return error;
	error = lp_device_init();
	if (error)
		goto err_departure;
	return 0;

err_departure:
	lp_departure_uninit();
	return error;
}

static void __exit lp_exit(void)
{
	lp_device_uninit();
	lp_departure_uninit();
}

module_init(lp_init);
module_exit(lp_exit);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("LakePlacid: in-kernel execution of the hot path of ordinary servers");
