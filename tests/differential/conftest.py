# SPDX-License-Identifier: GPL-2.0-only
"""The runtime's archives, made once for all programs."""

from __future__ import annotations

import pytest

from lp_build.layout import BuildDir
from tests.differential.csmith import compilers


@pytest.fixture(scope="session")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> dict[str, BuildDir]:
    """By compiler, where the runtime's archives are kept."""
    return {c: BuildDir(tmp_path_factory.mktemp("runtime")) for c in compilers()}
