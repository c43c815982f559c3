# SPDX-License-Identifier: GPL-2.0-only
"""What the compiler makes of a unit's text that a pass of ours has edited."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from lp_build.compile.environment import launched
from lp_build.errors import LakePlacidError
from lp_build.model.sites import Problem, UnitSites
from lp_build.processes import run_quietly
from lp_build.store.capture import Unit


@dataclass(frozen=True)
class Treated:
    """object: None where the plain one stays. sites: what the pass saw, if it looked. problems:
    what was left alone, and why. elite: Elite functions in the object."""

    object: Path | None
    sites: UnitSites | None = None
    problems: tuple[Problem, ...] = ()
    elite: tuple[str, ...] = ()


@cache
def is_clang(compiler: str) -> bool:
    """Whether a compiler is clang, by its name, else by what it says of itself."""
    command = compiler.split()[-1]
    for name in (command, os.path.realpath(shutil.which(command) or command)):
        if "clang" in os.path.basename(name) or "gcc" in os.path.basename(name):
            return "clang" in os.path.basename(name)
    return "clang" in run_quietly([*compiler.split(), "--version"]).output


def coverage_flags(unit: Unit) -> Sequence[str]:
    """Flags for the same coverage counters, with notes and counts where the build has them."""
    if not unit.coverage:
        return ()
    stem = os.path.splitext(unit.object)[0]
    flags = ["-fprofile-arcs", "-ftest-coverage"]
    if is_clang(unit.compiler):
        notes, data = f"-coverage-notes-file={stem}.gcno", f"-coverage-data-file={stem}.gcda"
        return [*flags, "-Xclang", notes, "-Xclang", data]
    folder, base = os.path.split(stem)
    return [*flags, "-dumpdir", f"{folder}/", "-dumpbase", base]


def compile_edited(unit: Unit, arguments: Sequence[str], launcher: str = "") -> None:
    """Run the compiler in the unit's folder; the flags may name files relative to it."""
    done = run_quietly([*launched(launcher, unit.compiler), *arguments], unit.cwd)
    if done.status != 0:
        raise does_not_compile(unit, done.output)


def does_not_compile(unit: Unit, output: str) -> LakePlacidError:
    """What to raise when the compiler or the assembler refuses what we made of a unit."""
    return LakePlacidError(
        f"our edited text does not compile: {output.strip()[:600]}",
        file=unit.source,
        remedy="it is compiled plainly; please report this",
    )
