# SPDX-License-Identifier: GPL-2.0-only
"""`lp init`: which function runs once a request, by what a survey of the program saw."""
