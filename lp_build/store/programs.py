# SPDX-License-Identifier: GPL-2.0-only
"""Where a build's programs are now: told by their contents, since builds rename and copy them
after the link."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from elftools.common.exceptions import ELFError
from elftools.elf.elffile import ELFFile

from lp_build.files import file_digest, files_below
from lp_build.layout import BuildDir

# Sections of programs that have code of ours: scouting, surveying, Elite.
_OURS = ("lp_scout_units", "lp_survey_units", "lp_elite_text")
_EXECUTABLE = ("ET_EXEC", "ET_DYN")


@dataclass(frozen=True)
class Found:
    """A program with code of ours. kind: the section that shows it."""

    path: Path
    digest: str
    kind: str

    @property
    def is_elite(self) -> bool:
        """Whether it is specialised."""
        return self.kind == _OURS[2]


def find_programs(build: BuildDir) -> list[Found]:
    """All programs with code of ours below the project's root, but for what `.lp/` keeps."""
    return list(_find(build.root))


def find_program(path: Path) -> Found | None:
    """What there is at one path, if it is such a program."""
    kind = _kind(path)
    return Found(path, file_digest(path), kind) if kind else None


def is_instrumented(path: Path) -> bool:
    """Whether what lies there is a scouting or surveying program."""
    return _kind(path) in _OURS[:2]


def _find(root: Path) -> Iterator[Found]:
    for path in files_below(root, lambda name: name in (".lp", ".git")):
        # What a link leads to is found where it lies.
        if not path.is_symlink() and os.access(path, os.X_OK):
            found = find_program(path)
            if found is not None:
                yield found


def _kind(path: Path) -> str:
    """Which code of ours a file has; "" for what is no program or has none."""
    try:
        with path.open("rb") as handle:
            if handle.read(4) != b"\x7fELF":
                return ""
            elf = ELFFile(handle)
            if elf["e_type"] not in _EXECUTABLE:
                return ""
            names = {section.name for section in elf.iter_sections()}
    except (OSError, ELFError):
        return ""
    return next((name for name in _OURS if name in names), "")
