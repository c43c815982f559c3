# SPDX-License-Identifier: GPL-2.0-only
"""Kernels that are asked for by their series."""

from __future__ import annotations

from pathlib import Path

import pytest

from lp_build.kernels.errors import VmError
from lp_build.kernels.find import find_kernel


def test_a_kernel_that_we_do_not_know_is_refused(tmp_path: Path) -> None:
    with pytest.raises(VmError, match="choose one of"):
        find_kernel("5.4", tmp_path)
