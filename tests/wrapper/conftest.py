# SPDX-License-Identifier: GPL-2.0-only
"""A fresh project for each test."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.wrapper.support import HANDLER, MAIN, Project


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Two sources and an lp.toml."""
    folder = tmp_path / "project"
    folder.mkdir()
    return Project(folder).write(lp__toml='request = "handle"\n', handler__c=HANDLER, main__c=MAIN)
