# SPDX-License-Identifier: GPL-2.0-only
"""LakePlacid: run the hot path of an ordinary C server in the kernel."""
