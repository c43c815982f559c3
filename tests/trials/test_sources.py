# SPDX-License-Identifier: GPL-2.0-only
"""Fetching upstream sources, with an apt-get that is a script."""

from __future__ import annotations

import hashlib
import io
import tarfile
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pytest

from lp_build.errors import LakePlacidError
from lp_build.trials.upstream import Source, fetch, newest

APT = """#!/bin/sh
echo "$@" >> {log}
case "$*" in
*indextargets*) echo "http://mirror.example/debian|{codename}|main" ;;
*--print-uris*) echo "'http://mirror.example/{package}_{quoted}.orig.tar.gz' x 1 SHA256:0" ;;
*--download-only*) cp {tarball} {package}_{version}.orig.tar.gz ;;
*update*) {update} ;;
esac
"""


@pytest.fixture
def tarball(tmp_path: Path) -> Path:
    path = tmp_path / "upstream.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        member = tarfile.TarInfo("thing-1.0/hello.c")
        member.size = 3
        archive.addfile(member, io.BytesIO(b"int"))
    return path


@pytest.fixture
def apt(tmp_path: Path, tarball: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Put an apt-get on PATH that has `thing`; return its log of command lines."""

    def make(version: str = "1.0", update: str = ":", codename: str = "bookworm") -> Path:
        folder = tmp_path / "bin"
        folder.mkdir()
        log = tmp_path / "apt.log"
        script = APT.format(
            log=log,
            package="thing",
            version=version,
            quoted=quote(version),
            tarball=tarball,
            update=update,
            codename=codename,
        )
        (folder / "apt-get").write_text(script)
        (folder / "apt-get").chmod(0o755)
        monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
        monkeypatch.setattr(
            "platform.freedesktop_os_release",
            lambda: {"ID": "debian", "VERSION_CODENAME": "bookworm"},
        )
        return log

    return make


def test_sources_are_unpacked_under_package_and_version(
    apt: Callable[..., Path], tmp_path: Path
) -> None:
    apt()
    folder = fetch(Source("thing", "1.0"), tmp_path / "cache")
    assert folder == tmp_path / "cache/sources/thing-1.0"
    assert (folder / "hello.c").read_text() == "int"


def test_a_version_with_a_plus_is_found(apt: Callable[..., Path], tmp_path: Path) -> None:
    """In its address, apt writes that as a browser would."""
    apt(version="1.0+dfsg")
    folder = fetch(Source("thing", "1.0+dfsg"), tmp_path / "cache")
    assert (folder / "hello.c").read_text() == "int"


def test_second_fetch_asks_nobody(apt: Callable[..., Path], tmp_path: Path) -> None:
    log = apt()
    fetch(Source("thing", "1.0"), tmp_path / "cache")
    log.unlink()
    fetch(Source("thing", "1.0"), tmp_path / "cache")
    assert not log.exists()


def test_apt_works_on_private_folders_and_the_machines_mirror(
    apt: Callable[..., Path], tmp_path: Path
) -> None:
    log = apt()
    fetch(Source("thing", "1.0"), tmp_path / "cache")
    private = tmp_path / "cache/sources/apt"
    update = next(line for line in log.read_text().splitlines() if line.endswith(" update"))
    for key in ("Dir::State", "Dir::Cache", "Dir::Etc::SourceList"):
        assert f"{key}={private}" in update
    entry = (private / "sources.list").read_text()
    assert entry.startswith("deb-src ")
    assert entry.endswith("http://mirror.example/debian bookworm main\n")


def test_unreachable_mirror_is_reported_with_apts_words(
    apt: Callable[..., Path], tmp_path: Path
) -> None:
    apt(update="echo 'E: Could not connect' >&2; exit 100")
    with pytest.raises(LakePlacidError) as caught:
        fetch(Source("thing", "1.0"), tmp_path / "cache")
    assert "E: Could not connect" in str(caught.value)
    assert "http://mirror.example/debian" in str(caught.value)
    assert "network" in caught.value.remedy


def test_other_version_in_the_archive_is_refused(apt: Callable[..., Path], tmp_path: Path) -> None:
    apt(version="2.0")
    with pytest.raises(LakePlacidError, match=r"has thing 2\.0, this recipe is for 1\.0"):
        fetch(Source("thing", "1.0"), tmp_path / "cache")


def test_machine_without_a_main_archive_is_told(apt: Callable[..., Path], tmp_path: Path) -> None:
    apt(codename="sid")
    with pytest.raises(LakePlacidError, match="no source for `bookworm main`"):
        fetch(Source("thing", "1.0"), tmp_path / "cache")


def test_pinned_checksum_is_verified(
    apt: Callable[..., Path], tmp_path: Path, tarball: Path
) -> None:
    apt()
    with pytest.raises(LakePlacidError, match="checksum mismatch"):
        fetch(Source("thing", "1.0", "0" * 64), tmp_path / "cache")
    digest = hashlib.sha256(tarball.read_bytes()).hexdigest()
    assert fetch(Source("thing", "1.0", digest), tmp_path / "cache").is_dir()


def test_tarball_put_there_by_hand_needs_no_apt(
    tmp_path: Path, tarball: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    archives = tmp_path / "cache/sources/archives"
    archives.mkdir(parents=True)
    (archives / "thing_1.0.orig.tar.gz").write_bytes(tarball.read_bytes())
    assert fetch(Source("thing", "1.0"), tmp_path / "cache").is_dir()


def test_missing_apt_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(LakePlacidError, match="apt-get is missing"):
        fetch(Source("thing", "1.0"), tmp_path / "cache")


def test_broken_tarball_leaves_no_folder_behind(tmp_path: Path) -> None:
    archives = tmp_path / "cache/sources/archives"
    archives.mkdir(parents=True)
    (archives / "thing_1.0.orig.tar.gz").write_bytes(b"not a tarball")
    with pytest.raises(LakePlacidError, match="cannot unpack"):
        fetch(Source("thing", "1.0"), tmp_path / "cache")
    assert [path.name for path in (tmp_path / "cache/sources").iterdir() if path.is_dir()] == [
        "archives"
    ]


def test_the_newest_release_is_what_the_index_lists(
    tmp_path: Path, apt: Callable[..., Path]
) -> None:
    """The index is fetched once for all that are asked of in a row."""
    log = apt(version="2.4")
    assert newest("thing", tmp_path / "cache") == Source("thing", "2.4")
    assert newest("thing", tmp_path / "cache") == Source("thing", "2.4")
    assert log.read_text(encoding="utf-8").count(" update") == 1
