# SPDX-License-Identifier: GPL-2.0-only
"""Static libraries as ar, llvm-ar and GNU's thin form write them."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from lp_build.compile.plain import write_archive
from lp_build.errors import LakePlacidError
from lp_build.store.archives import is_archive, read_archive

CONTENTS = {
    "short.o": b"odd",
    "sixteen_chars_.o": b"even",
    "a_name_that_is_much_too_long_for_a_header.o": b"",
    "other name with blanks and more than sixteen.o": b"\x7fELF" * 100,
}


def members(path: Path) -> list[tuple[str, bytes]]:
    """All of an archive."""
    return [(member.name, member.data) for member in read_archive(path)]


@pytest.mark.parametrize("options", ["rc", "rcs", "rcU"])
def test_members(options: str, tmp_path: Path) -> None:
    """Names of all lengths, contents of odd and even length."""
    for name, data in CONTENTS.items():
        (tmp_path / name).write_bytes(data)
    subprocess.run(["ar", options, "lib.a", *CONTENTS], cwd=tmp_path, check=True)
    assert is_archive(tmp_path / "lib.a")
    assert members(tmp_path / "lib.a") == list(CONTENTS.items())


def test_thin_archive(tmp_path: Path) -> None:
    """The contents are in the files beside it."""
    (tmp_path / "sub").mkdir()
    for name, data in CONTENTS.items():
        (tmp_path / "sub" / name).write_bytes(data)
    names = [f"sub/{name}" for name in CONTENTS]
    subprocess.run(["ar", "rcST", "lib.a", *names], cwd=tmp_path, check=True)
    assert [data for _, data in members(tmp_path / "lib.a")] == list(CONTENTS.values())


def test_bsd_names(tmp_path: Path) -> None:
    """`#1/length`: the name stands before the contents."""
    header = b"#1/8".ljust(16) + b"0".ljust(12) + b"0".ljust(6) * 2 + b"644".ljust(8)
    data = b"!<arch>\n" + header + b"11".ljust(10) + b"`\n" + b"name.o\0\0abc\n"
    (tmp_path / "lib.a").write_bytes(data)
    assert members(tmp_path / "lib.a") == [("name.o", b"abc")]


def test_write_keeps_members_of_one_name(tmp_path: Path) -> None:
    """Two objects called util.o are two members."""
    twice = [("util.o", b"one"), ("main.o", b"two"), ("util.o", b"three")]
    write_archive(tmp_path / "lib.a", twice, ["ar"])
    assert members(tmp_path / "lib.a") == twice


def test_empty_archive(tmp_path: Path) -> None:
    """Written and read."""
    write_archive(tmp_path / "lib.a", [], ["ar"])
    assert members(tmp_path / "lib.a") == []


def test_damaged_archive(tmp_path: Path) -> None:
    """An error that names it."""
    path = tmp_path / "lib.a"
    path.write_bytes(b"!<arch>\n" + b"x" * 70)
    with pytest.raises(LakePlacidError, match=r"lib\.a: cannot read"):
        members(path)
