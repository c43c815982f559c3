# SPDX-License-Identifier: GPL-2.0-only
"""What `lp-wrap` says, and checks, when the build has ended."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lp_build.compile.environment import Session
from lp_build.compile.target import foreign_reason
from lp_build.errors import LakePlacidError
from lp_build.files import write_whole
from lp_build.layout import BuildDir
from lp_build.store.capture import Unit, load_sites, load_units
from lp_build.store.journal import load_steps
from lp_build.store.problems import load_report
from lp_build.wrapper.named import check_named, shown
from lp_build.wrapper.shims import LAUNCHERS
from lp_build.wrapper.unseen import journal, said_of_unseen


@dataclass(frozen=True)
class Mark:
    """How far journals had come before the build: bytes of the report, lines of the steps, and when
    each unit was last captured. time: in nanoseconds since the epoch."""

    report: int
    steps: int
    units: dict[str, int]
    time: int


@dataclass(frozen=True)
class Outcome:
    """What to tell the user of a build: a summary, and what he has to know at any rate."""

    lines: list[str]
    warnings: list[str]


def mark(build: BuildDir) -> Mark:
    """Look before the build."""
    journal(build).unlink(missing_ok=True)
    return Mark(_size(build.report), _lines(build.steps), _times(build), time.time_ns())


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _lines(path: Path) -> int:
    return path.read_bytes().count(b"\n") if path.exists() else 0


def _times(build: BuildDir) -> dict[str, int]:
    return {p.parent.name: p.stat().st_mtime_ns for p in build.units.glob("*/unit.json")}


def finish(session: Session, before: Mark) -> Outcome:
    """What to tell the user after a build that succeeded. Raises LakePlacidError when lp.toml names
    a function that the program has not, as `check_named` does."""
    build = session.build
    units = load_units(build)
    write_compile_commands(build, units)
    now = _times(build)
    compiled = [u for u in units if now.get(u.id) != before.units.get(u.id)]
    check_foreign(compiled)
    named: list[str] = []
    if session.phase == "scout" and units:
        named = check_named(session, units, linked=_has_program(build, before))
    # What we have seen and could not keep is in the report.
    seen = bool(compiled) or _size(build.report) > before.report
    warnings = said_of_unseen(build, before.time, compiled=seen)
    if compiled:
        lines = [_line(session, compiled)]
    elif warnings:
        lines = []
    else:
        lines = [_nothing_compiled(session, units)]
    return Outcome([*lines, *_left_plain(build, before), *named], warnings)


def _has_program(build: BuildDir, before: Mark) -> bool:
    """Whether a program with scouting code was linked that is still there. A library that is built
    first, for a program to come, has no request function yet; nor has what configure tries and
    removes."""
    return any(
        step.kind == "link" and step.treated and os.path.exists(step.output)
        for step in load_steps(build)[before.steps :]
    )


def _line(session: Session, compiled: Sequence[Unit]) -> str:
    plain = sum(bool(unit.plain) for unit in compiled)
    parts = [f"{len(compiled)} units compiled"]
    if session.phase == "scout":
        sites = [load_sites(session.build, unit) for unit in compiled]
        parts.append(f"{sum(len(s.functions) for s in sites if s)} functions scouted")
    elif session.phase == "survey":
        sites = [load_sites(session.build, unit) for unit in compiled]
        parts.append(f"{sum(len(s.functions) for s in sites if s)} functions surveyed")
    elif session.phase == "specialize":
        parts.append(f"{sum(len(unit.elite) for unit in compiled)} Elite functions")
    if plain:
        parts.append(f"{plain} units left plain")
    return f"{session.phase}: {', '.join(parts)}"


def _left_plain(build: BuildDir, before: Mark) -> list[str]:
    """How many things were left alone in this build, and the programs that lack our runtime."""
    if _size(build.report) <= before.report:
        return []
    rows = load_report(build, before.report)
    reasons = {(row["file"], row["line"], row["reason"]) for row in rows}
    if not reasons:
        return []
    left = "1 thing was" if len(reasons) == 1 else f"{len(reasons)} things were"
    lines = [f"{left} left as {'it is' if len(reasons) == 1 else 'they are'}: see `lp report`"]
    programs = sorted({r for r in reasons if "can't be linked with our runtime" in r[2]})
    lines += [f"{shown(Path(file))}: {reason}" for file, _, reason in programs]
    return lines


def _nothing_compiled(session: Session, units: Sequence[Unit]) -> str:
    if not units:
        return (
            f"{session.phase}: 0 units compiled: no C compiler ran. If the build is up to date, "
            "remove its objects first (`make clean`)"
        )
    if session.phase == "specialize":
        return (
            "nothing was compiled: the build is up to date. `lp build` makes the specialised "
            f"program from the {len(units)} captured units"
        )
    return (
        "nothing was compiled: the build is up to date. If its objects were made without lp-wrap "
        "or in another phase, remove them first (`make clean`)"
    )


def check_foreign(compiled: Sequence[Unit]) -> None:
    """Raise LakePlacidError when all that was compiled is for another machine."""
    reasons = [foreign_reason(unit.compiler) for unit in compiled]
    if reasons and all(reasons):
        raise LakePlacidError(
            f"nothing was compiled for x86-64 Linux: {reasons[0]}",
            file=compiled[0].object,
            remedy="build for this machine, or without lp-wrap; what was built is as it should be",
        )


def _without_launcher(compiler: str) -> list[str]:
    """The compiler itself: a reader takes the first word for it."""
    words = compiler.split()
    return words[1:] if len(words) > 1 and os.path.basename(words[0]) in LAUNCHERS else words


def write_compile_commands(build: BuildDir, units: Sequence[Unit]) -> None:
    """Write `compile_commands.json` (clang's JSON Compilation Database), as clangd reads it."""
    rows = [
        {
            "directory": unit.cwd,
            "file": unit.source,
            "output": unit.object,
            "arguments": [*_without_launcher(unit.compiler), *unit.argv],
        }
        for unit in units
    ]
    write_whole(build.path / "compile_commands.json", json.dumps(rows, indent=1).encode())
