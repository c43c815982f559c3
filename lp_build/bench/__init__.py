# SPDX-License-Identifier: GPL-2.0-only
"""`lp bench`: measurements against a baseline taken in the same run."""
