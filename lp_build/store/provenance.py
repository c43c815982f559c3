# SPDX-License-Identifier: GPL-2.0-only
"""Which unit or step made a file, told by its content: objects are copied, renamed, archived and
deleted by builds, but seldom changed."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from lp_build.files import append_json, digest_of, read_json_lines, write_whole
from lp_build.layout import BuildDir
from lp_build.store.archives import MAGIC, THIN, read_archive

_SYSTEM = ("/usr/", "/lib/", "/lib64/", "/opt/")
_BITCODE = (b"BC\xc0\xde", b"\xde\xc0\x17\x0b")  # clang's objects with -flto


@dataclass(frozen=True)
class Origin:
    """Who made a file. kind: "unit" (id: the unit) or "step" (id: of the journal). path: where it
    was put first. treated: "survey", "scout", "elite" or "stress" where code of ours is in it,
    else ""."""

    kind: str
    id: str
    path: str
    treated: str = ""


@dataclass(frozen=True)
class Member:
    """A file of an archive; origin: None where it is not of this build."""

    name: str
    digest: str
    origin: Origin | None


@dataclass(frozen=True)
class Content:
    """A file that a step reads. kind: "object", "archive" or "other" (shared libraries, linker
    scripts)."""

    path: Path
    kind: str
    digest: str
    origin: Origin | None = None
    members: tuple[Member, ...] = ()

    @property
    def treated(self) -> frozenset[str]:
        """What code of ours is in it."""
        origins = [self.origin, *(member.origin for member in self.members)]
        return frozenset(o.treated for o in origins if o is not None and o.treated)

    @property
    def known(self) -> bool:
        """Whether anything in it is of this build."""
        return self.origin is not None or any(m.origin is not None for m in self.members)


class Store:
    """What `.lp/` knows of contents: origins by digest, archives' listings, and copies of files
    that this build did not make."""

    def __init__(self, build: BuildDir) -> None:
        self.build = build
        self._made = build.path / "made"
        self._kept = build.path / "kept"

    # -- origins ------------------------------------------------------------------------------

    def record(self, digest: str, origin: Origin) -> None:
        """Remember that `origin` made what has this digest."""
        row = asdict(origin)
        path = self._made / digest
        if row not in read_json_lines(path):
            append_json(path, row)

    def origin(self, digest: str, path: str) -> Origin | None:
        """Who made what has this digest. Several may have made the same: the one that put it at
        `path`, else the last one."""
        rows = read_json_lines(self._made / digest)
        if not rows:
            return None
        row = next((row for row in rows if row["path"] == path), rows[-1])
        return Origin(**row)

    # -- contents -----------------------------------------------------------------------------

    def identify(self, path: Path) -> Content:
        """Look at a file and, if it is an archive, at its members. Raises LakePlacidError or
        OSError for one that can't be read."""
        data = path.read_bytes()
        digest = digest_of(data)
        full = os.path.normpath(path)
        origin = self.origin(digest, full)
        if data.startswith((MAGIC, THIN)):
            members = tuple(
                Member(m.name, d, self.origin(d, m.name))
                for m in read_archive(path)
                for d in [digest_of(m.data)]
            )
            return Content(path, "archive", digest, origin, members)
        relocatable = data[:4] == b"\x7fELF" and data[16:18] == b"\x01\x00"
        if relocatable or data.startswith(_BITCODE) or origin is not None:
            return Content(path, "object", digest, origin)
        return Content(path, "other", digest)

    # -- copies -------------------------------------------------------------------------------

    def copy_of(self, digest: str) -> Path:
        """Where the copy of what has this digest lies, if there is one."""
        return self._kept / digest

    def keep(self, content: Content) -> None:
        """Copy what a later build needs of a file and could not make again: builds delete theirs.
        System libraries stay where they are."""
        if content.kind == "archive" and content.known:
            self.keep_listing(content)
            unknown = {m.digest for m in content.members if m.origin is None}
            if unknown:
                self._keep_members(content.path, unknown)
        elif content.kind != "other" and not content.known and not _is_system(content.path):
            self._keep(content.digest, content.path.read_bytes())

    def _keep_members(self, path: Path, digests: Iterable[str]) -> None:
        wanted = set(digests)
        for member in read_archive(path):
            digest = digest_of(member.data)
            if digest in wanted:
                self._keep(digest, member.data)

    def _keep(self, digest: str, data: bytes) -> None:
        if not self.copy_of(digest).exists():
            write_whole(self.copy_of(digest), data)

    def keep_listing(self, content: Content) -> None:
        """Remember an archive's members."""
        path = self._listing(content.digest)
        if not path.exists():
            rows = [[m.name, m.digest] for m in content.members]
            write_whole(path, json.dumps(rows).encode())

    def listing(self, digest: str) -> list[tuple[str, str]] | None:
        """Names and digests of the members of a known archive, else None."""
        try:
            rows = json.loads(self._listing(digest).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        return [(str(name), str(member)) for name, member in rows]

    def _listing(self, digest: str) -> Path:
        return self.build.path / "archives" / f"{digest}.json"


def _is_system(path: Path) -> bool:
    return os.path.abspath(path).startswith(_SYSTEM)
