# SPDX-License-Identifier: GPL-2.0-only
"""Compilers that a build called where no shim of ours stands: by an absolute path, mostly."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from elftools.common.exceptions import ELFError
from elftools.elf.elffile import ELFFile

from lp_build.files import files_below
from lp_build.layout import BuildDir
from lp_build.store.provenance import Store

_REMEDY = (
    "a compiler that is called by a path meets no shim: `lp-wrap --trace make …` goes by what make "
    "runs, `lp-wrap --log FILE` by what any build has printed"
)
_SHOWN = 3  # objects that are named


def journal(build: BuildDir) -> Path:
    """Where the shim of the assembler notes compilers that reached it past us, one a line."""
    return build.path / "unseen"


def said_of_unseen(build: BuildDir, since: int, *, compiled: bool) -> list[str]:
    """What to tell of compilers that ran unseen. since: when the build began, in nanoseconds since
    the epoch. compiled: whether any unit was seen."""
    try:
        words = journal(build).read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        words = []
    ran = [
        name if count == 1 else f"{name} ({count} times)"
        for name, count in sorted(Counter(words).items())
    ]
    if ran:
        what = "" if compiled else "no unit was treated: "
        return [f"{what}compilers ran that LakePlacid did not see: {', '.join(ran)}", _REMEDY]
    if compiled:
        return []
    made = list(_made_since(build, since))
    if not made:
        return []
    names = ", ".join(os.path.relpath(path) for path, _ in made[:_SHOWN])
    more = f" and {len(made) - _SHOWN} more" if len(made) > _SHOWN else ""
    compilers = ", ".join(sorted({word for _, said in made for word in said}))
    return [
        f"no unit was treated, but {names}{more} came from a compiler that LakePlacid did not see: "
        f"{compilers or 'it does not say which'}",
        _REMEDY,
    ]


def _made_since(build: BuildDir, since: int) -> Iterator[tuple[Path, list[str]]]:
    """Objects and programs below the project that are of no origin known to us, and what their
    compiler says of itself."""
    store = Store(build)
    for path in files_below(build.root, lambda name: name.startswith(".lp")):
        if path.is_symlink() or path.stat().st_mtime_ns < since:
            continue
        said = _comment(path)
        if said is not None and not store.identify(path).known:
            yield path, said


def _comment(path: Path) -> list[str] | None:
    """A compiler's words in an object or a program; None for any other file."""
    try:
        with path.open("rb") as handle:
            if handle.read(4) != b"\x7fELF":
                return None
            section = ELFFile(handle).get_section_by_name(".comment")
            data = section.data() if section is not None else b""
    except (OSError, ELFError):
        return None
    return [word.decode("utf-8", "replace") for word in data.split(b"\0") if word]
