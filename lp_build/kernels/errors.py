# SPDX-License-Identifier: GPL-2.0-only
"""What can go wrong with a kernel before it runs."""

from __future__ import annotations

from lp_build.errors import LakePlacidError


class VmError(LakePlacidError):
    """A kernel, or a guest to run it in, cannot be had."""
