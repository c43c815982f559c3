# SPDX-License-Identifier: GPL-2.0-only
"""What the tests of `lp vm` share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lp_build.cache import cache_folder
from lp_build.kernels.find import Kernel, find_kernel
from lp_build.kernels.versions import DEFAULT


@pytest.fixture(scope="session")
def vm_cache() -> Path:
    """The user's own cache, so that kernels are fetched once a machine."""
    return cache_folder(os.environ)


@pytest.fixture
def kernel(vm_cache: Path) -> Kernel:
    """The kernel of tests for which one is enough."""
    return find_kernel(DEFAULT, vm_cache)
