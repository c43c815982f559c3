# SPDX-License-Identifier: GPL-2.0-only
"""Kernels to build modules for: found, fetched, built against."""
