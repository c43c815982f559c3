# SPDX-License-Identifier: GPL-2.0-only
"""Where what is fetched lies, and what is built from it."""

from __future__ import annotations

from pathlib import Path

import pytest

from lp_build.cache import cache_folder, work_folder


def test_what_is_fetched_is_the_users(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/elsewhere")
    assert cache_folder({}) == Path("/elsewhere/.cache/lakeplacid")


def test_what_is_built_is_the_checkouts(tmp_path: Path) -> None:
    assert work_folder({}, tmp_path) == tmp_path / ".cache"


def test_the_user_names_another_folder_for_both(tmp_path: Path) -> None:
    environment = {"LP_CACHE": "/elsewhere"}
    assert cache_folder(environment) == Path("/elsewhere")
    assert work_folder(environment, tmp_path) == Path("/elsewhere")
