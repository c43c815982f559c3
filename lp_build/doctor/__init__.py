# SPDX-License-Identifier: GPL-2.0-only
"""`lp doctor`: what this machine lacks for each feature."""
