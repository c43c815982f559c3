# SPDX-License-Identifier: GPL-2.0-only
"""`lp report` and `lp check`: what a build, its traces and its runs say, for people and for CI."""
