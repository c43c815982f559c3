# SPDX-License-Identifier: GPL-2.0-only
"""`lp build`: the specialised program again, by SCons, from what a wrapped build captured."""
