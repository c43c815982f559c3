# SPDX-License-Identifier: GPL-2.0-only
"""Completion for shells: files that scripts/manual.py makes, and `lp completion`."""
