# SPDX-License-Identifier: GPL-2.0-only
"""Rules that the tree itself keeps."""
