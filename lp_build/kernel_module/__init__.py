# SPDX-License-Identifier: GPL-2.0-only
"""The application's own kernel module, made from what its executable carries."""
