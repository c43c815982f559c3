# SPDX-License-Identifier: GPL-2.0-only
"""The licences of LakePlacid, by their SPDX names; COPYING and COPYING.RUNTIME have the texts."""

LAKEPLACID = "GPL-2.0-only"
# What gets into a user's program: it asks nothing of that.
RUNTIME = f"{LAKEPLACID} WITH GCC-exception-2.0"
# The driver's protocol, which programs include.
PROTOCOL = f"{LAKEPLACID} WITH Linux-syscall-note"
