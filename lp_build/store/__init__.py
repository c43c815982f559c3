# SPDX-License-Identifier: GPL-2.0-only
"""What a wrapped build keeps in `.lp/`."""
