# SPDX-License-Identifier: GPL-2.0-only
"""Read static libraries: their members with their contents (ar(5), and GNU's thin archives)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lp_build.errors import LakePlacidError

MAGIC, THIN = b"!<arch>\n", b"!<thin>\n"
_HEADER = 60


@dataclass(frozen=True)
class Member:
    """One file of an archive."""

    name: str
    data: bytes


def is_archive(path: Path) -> bool:
    """Whether a file is a static library, thin or not."""
    with path.open("rb") as handle:
        return handle.read(8) in (MAGIC, THIN)


def read_archive(path: Path) -> Iterator[Member]:
    """The members of an archive in their order, symbol tables left out. Raises LakePlacidError for
    a damaged one, OSError for a thin one whose files are gone."""
    return (member for _, member in _members(path))


def _members(path: Path) -> Iterator[tuple[int, Member]]:
    """Members, with the offsets of their headers."""
    data = path.read_bytes()
    thin = data.startswith(THIN)
    if not thin and not data.startswith(MAGIC):
        raise _damaged(path, "it is no archive")
    names = b""
    position = 8
    while position + _HEADER <= len(data):
        header_at = position
        header = data[position : position + _HEADER]
        if header[58:] != b"`\n":
            raise _damaged(path, f"no header at byte {position}")
        field = header[:16].decode("utf-8", "surrogateescape").rstrip()
        size = int(header[48:58])
        start = position + _HEADER
        special = field in ("/", "//", "/SYM64/")
        stored = 0 if thin and not special else size
        body = data[start : start + stored]
        position = start + stored + (stored & 1)
        if field == "//":
            names = body
        elif special:
            continue
        elif thin:
            # `/name:offset` is a member of an archive that was added to this one.
            place, _, offset = field.partition(":") if field.startswith("/") else (field, "", "")
            name = _name(place, names)
            if offset:
                yield header_at, _member_at(path.parent / name, int(offset))
            else:
                yield header_at, Member(name, (path.parent / name).read_bytes())
        elif field.startswith("#1/"):  # BSD: the name stands before the contents
            length = int(field[3:])
            name = body[:length].rstrip(b"\0").decode("utf-8", "surrogateescape")
            if not name.startswith("__.SYMDEF"):
                yield header_at, Member(name, body[length:])
        else:
            yield header_at, Member(_name(field, names), body)


def _member_at(path: Path, offset: int) -> Member:
    """The member of an ordinary archive whose header stands at an offset. Raises as
    `read_archive`."""
    for start, member in _members(path):
        if start == offset:
            return member
    raise _damaged(path, f"no member at byte {offset}")


def _name(field: str, names: bytes) -> str:
    """A member's name: in its header, or at an offset of the table of long names."""
    if field.startswith("/") and field[1:].isdigit():
        start = int(field[1:])
        end = names.index(b"\n", start)
        return names[start:end].rstrip(b"/").decode("utf-8", "surrogateescape")
    return field.rstrip("/")


def _damaged(path: Path, what: str) -> LakePlacidError:
    return LakePlacidError(
        f"cannot read this static library: {what}", file=str(path), remedy="make it again"
    )
