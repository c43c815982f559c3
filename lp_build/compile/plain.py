# SPDX-License-Identifier: GPL-2.0-only
"""Objects and archives as the real compiler alone would have made them, in place of ours."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from lp_build.files import digest_of
from lp_build.layout import BuildDir
from lp_build.store.archives import read_archive
from lp_build.store.provenance import Content, Origin


def plain_of(build: BuildDir, origin: Origin) -> Path:
    """Where the plain form of what `origin` made lies."""
    if origin.kind == "unit":
        return build.units / origin.id / "plain.o"
    return build.path / "steps" / origin.id / "plain.o"


def plain_file(
    build: BuildDir, content: Content, archiver: Sequence[str], allowed: frozenset[str]
) -> Path:
    """A file like `content`, with all code of ours taken out but for the kinds in `allowed`.
    Raises OSError or CalledProcessError when it can't be made."""
    if not content.treated - allowed:
        return content.path
    if content.kind == "object":
        assert content.origin is not None
        return plain_of(build, content.origin)
    name = digest_of(f"{content.digest}:{sorted(allowed)}".encode())[:24]
    target = build.path / "plain" / name / content.path.name
    if not target.exists():
        replaced = {
            m.digest: plain_of(build, m.origin)
            for m in content.members
            if m.origin is not None and m.origin.treated and m.origin.treated not in allowed
        }
        members = []
        for member in read_archive(content.path):
            path = replaced.get(digest_of(member.data))
            members.append((member.name, path.read_bytes() if path else member.data))
        write_archive(target, members, archiver)
    return target


def write_archive(
    target: Path, members: Iterable[tuple[str, bytes]], archiver: Sequence[str]
) -> None:
    """Write a static library whole; several members may have the same name. Raises OSError or
    CalledProcessError."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        fresh = Path(folder) / "archive.a"
        paths = []
        for number, (name, data) in enumerate(members):
            path = Path(folder) / str(number) / Path(name).name
            path.parent.mkdir()
            path.write_bytes(data)
            paths.append(str(path))
        # One call for each few hundred: a command line has an end.
        for start in range(0, max(len(paths), 1), 500):
            command = [*archiver, "qcS", str(fresh), *paths[start : start + 500]]
            subprocess.run(command, check=True, capture_output=True)
        subprocess.run([*archiver, "s", str(fresh)], check=True, capture_output=True)
        fresh.replace(target)
