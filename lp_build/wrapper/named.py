# SPDX-License-Identifier: GPL-2.0-only
"""The functions that lp.toml names, looked for in what a build has compiled."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from lp_build.compile.environment import Session
from lp_build.config import is_function, line_of_key
from lp_build.errors import LakePlacidError
from lp_build.files import files_below
from lp_build.layout import BuildDir
from lp_build.model.sites import Problem
from lp_build.source.parse import LEFT_ALONE
from lp_build.store.capture import Unit, load_sites
from lp_build.store.problems import load_report

_SOURCES = (".c", ".y", ".l")
# A definition begins at the margin; a declaration ends with its parentheses.
_DEFINITION = r"^(?![ \t#/*])[^\n;]*\b(%s)\s*\((?:[^;{}()]|\([^;{}()]*\))*\)(?!\s*[;,)=])"


def check_named(session: Session, units: Sequence[Unit], *, linked: bool) -> list[str]:
    """What there is to say of functions that lp.toml names and no unit defines.

    units: all that have been captured. linked: whether the build's command made a program of them.
    Raises LakePlacidError for a function that this program lacks and no other source seems to
    define: a build may make other programs first, and a unit that was left plain may have it.
    """
    build, config = session.build, session.config
    functions = [
        function
        for unit in units
        for sites in [load_sites(build, unit)]
        if sites is not None
        for function in sites.functions
    ]
    said: list[str] = []
    named = [("request", config.request), ("loop", config.loop)]
    for key, wanted in [*named, *(("unknown", name) for name in config.unknown)]:
        if not wanted or any(is_function(wanted, f.file, f.name) for f in functions):
            continue
        line = line_of_key(build.config.read_text(encoding="utf-8"), key)
        alone = _left_alone(build, units, wanted)
        if alone is not None:
            if linked:
                raise LakePlacidError(
                    alone.reason,
                    file=alone.file,
                    line=alone.line,
                    remedy=f"mend what stands against it, or let `{key}` name another function "
                    f"({shown(build.config)}:{line})",
                )
            said.append(f"{alone.file}:{alone.line}: {alone.reason}")
            continue
        elsewhere = _elsewhere(build, units, wanted)
        if linked and not elsewhere:
            raise LakePlacidError(
                f"no unit of this build defines `{wanted}`",
                file=str(build.config),
                line=line,
                remedy=f"let `{key}` name a function of the program's own C sources, as `name` or "
                f"`file.c:name`; `lp report` says what was left plain",
            )
        where = f"; {elsewhere}" if elsewhere else ""
        said.append(f"no unit defines `{wanted}` so far ({shown(build.config)}:{line}){where}")
    return said


def _left_alone(build: BuildDir, units: Sequence[Unit], wanted: str) -> Problem | None:
    """What was said of a function that our passes met and left alone."""
    name = wanted.rpartition(":")[2]
    here = {unit.id for unit in units}
    for row in load_report(build):
        told = row["unit"] in here and row["reason"].startswith(f"{name} {LEFT_ALONE}")
        if told and is_function(wanted, row["file"], name):
            return Problem(row["file"], row["line"], row["reason"])
    return None


def shown(path: Path) -> str:
    """A path as short as it can be."""
    relative = os.path.relpath(path)
    return str(path) if relative.startswith("..") else relative


def _elsewhere(build: BuildDir, units: Sequence[Unit], wanted: str) -> str:
    """Which source that our passes have not seen seems to define it, as a part of a sentence."""
    seen: set[str] = set()
    for unit in units:
        source = os.path.normpath(os.path.join(unit.cwd, unit.source))
        if load_sites(build, unit) is not None:
            seen.add(source)
        elif line := _definition(build, Path(source), wanted):
            reason = unit.plain or _reason(build, unit)
            return f"{shown(Path(source))}:{line} seems to, and was left plain: {reason}"
    for path in _sources(build.root):
        if str(path) not in seen and (line := _definition(build, path, wanted)):
            return f"{shown(path)}:{line} seems to, and has not been compiled"
    return ""


def _reason(build: BuildDir, unit: Unit) -> str:
    """Why our passes left a unit plain."""
    told = [row["reason"] for row in load_report(build) if row["unit"] == unit.id]
    return told[-1] if told else "see `lp report`"


def _sources(root: Path) -> Iterator[Path]:
    """C sources of the project, and what C is made from; in hidden folders there are none."""
    found = files_below(root, lambda name: name.startswith("."))
    return (path for path in found if path.name.endswith(_SOURCES))


def _definition(build: BuildDir, path: Path, wanted: str) -> int:
    """The line at which a source seems to define the function; 0: it does not, or can't be read."""
    name = wanted.rpartition(":")[2]
    if not is_function(wanted, build.relative(str(path), str(build.root)), name):
        return 0
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return 0
    found = re.search(_DEFINITION % re.escape(name), text, re.MULTILINE) if name in text else None
    return text.count("\n", 0, found.start(1)) + 1 if found else 0
