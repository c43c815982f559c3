# SPDX-License-Identifier: GPL-2.0-only
"""What a linker says of our objects, in the words of the program's own build."""

from __future__ import annotations

import re
from pathlib import Path

from lp_build.layout import BuildDir
from lp_build.store.capture import Unit, load_units
from lp_build.store.journal import load_steps

# Our names of a function's two sides, and of what is ours alone in a unit.
_SIDE = re.compile(r"(?<=[\w$])\.lp_(?:elite|kernel|fallback)\b")
_ARCHIVES = r"/(?:build/\w+/archives|plain)/[0-9a-f]+/"


def own_names(build: BuildDir, said: str) -> str:
    """A linker's diagnostics with the program's own files in place of those below `.lp/`, and its
    functions without our suffixes."""
    text = _SIDE.sub("", said)
    text = re.sub(re.escape(str(build.path)) + _ARCHIVES, "", text)
    for path, name in _names(build):
        text = text.replace(path, name)
    return text


def _names(build: BuildDir) -> list[tuple[str, str]]:
    """Paths of ours, and what they stand for; longer ones first."""
    names: dict[str, str] = {}
    for unit in load_units(build):
        name = _name(build, unit)
        for folder in ("elite", "stress"):
            names[str(build.path / "build" / folder / "units" / f"{unit.id}.o")] = name
        for file in ("plain.o", "scout.o", "survey.o", "elite.o", "stress.o"):
            names[str(unit.folder(build) / file)] = name
        if unit.object.startswith(str(build.path / "objects")):
            names[unit.object] = name
    for step in load_steps(build):
        output = build.relative(step.output, step.cwd)
        for file in ("program", "plain.o"):
            names[str(build.path / "steps" / step.id / file)] = output
        for folder in ("elite", "stress"):
            made = build.path / "build" / folder / "steps" / step.id
            names[str(made / Path(step.output).name)] = output
    return sorted(names.items(), key=lambda item: -len(item[0]))


def _name(build: BuildDir, unit: Unit) -> str:
    """The object; where that is ours too (a command that compiles and links), the source."""
    if unit.object.startswith(str(build.path)):
        return build.relative(unit.source, unit.cwd)
    return build.relative(unit.object, unit.cwd)
