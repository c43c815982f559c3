# SPDX-License-Identifier: GPL-2.0-only
"""What was made of the runtime for one project is there for the user's others."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lp_build.compile.runtime import heap_archive, scout_archive
from lp_build.compile.shelf import Shelf
from lp_build.layout import BuildDir


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's cache folder, empty."""
    monkeypatch.setenv("LP_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_an_archive_is_made_once_for_two_projects(tmp_path: Path, cache: Path) -> None:
    heap_archive(BuildDir(tmp_path / "one"), "gcc")
    (kept,) = (cache / "runtime").iterdir()
    kept.write_bytes(b"as it is kept")
    assert heap_archive(BuildDir(tmp_path / "two"), "gcc").read_bytes() == b"as it is kept"


def test_another_compilers_archive_is_made_again(tmp_path: Path, cache: Path) -> None:
    made = {heap_archive(BuildDir(tmp_path / c), c).read_bytes() for c in ("gcc", "clang")}
    assert len(made) == len(list((cache / "runtime").iterdir())) == 2


def test_each_project_has_its_own_folder_for_traces(tmp_path: Path, cache: Path) -> None:
    for name in ("one", "two"):
        build = BuildDir(tmp_path / name)
        assert str(build.traces).encode() in scout_archive(build, "gcc").read_bytes()
    # What they have in common; not an archive for each project that there ever was.
    assert len(list((cache / "runtime").iterdir())) == 1


def test_without_a_folder_to_keep_it_in_an_archive_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("LP_CACHE", str(tmp_path / "file" / "cache"))
    assert heap_archive(BuildDir(tmp_path / "one"), "gcc").read_bytes().startswith(b"!<arch>")


def test_what_was_made_longest_ago_is_no_longer_kept(tmp_path: Path) -> None:
    shelf, archive = Shelf(tmp_path / "shelf"), tmp_path / "a"
    archive.write_bytes(b"an archive")
    for number in range(101):
        shelf.keep(f"{number}", archive)
        os.utime(tmp_path / "shelf" / f"{number}", (number, number))
    shelf.keep("last", archive)
    assert not shelf.take("1", tmp_path / "b")
    assert shelf.take("2", tmp_path / "b")
    assert (tmp_path / "b").read_bytes() == b"an archive"
