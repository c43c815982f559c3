"""`lp unit`: make the object of one captured unit again; SCons calls this, several at a time."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from pathlib import Path

from lp_build.errors import LakePlacidError
from lp_build.layout import find_build_dir
from lp_build.profile.manifest import load_manifest
from lp_build.wrapper.capture import load_units, report
from lp_build.wrapper.environment import Session
from lp_build.wrapper.treat import specialize


def main(argv: list[str]) -> int:
    """Write the unit's object to the target: specialised where it can be, else the plain one."""
    parser = argparse.ArgumentParser(prog="lp unit")
    parser.add_argument("id")
    parser.add_argument("target", type=Path)
    parser.add_argument("--stress", action="store_true")
    arguments = parser.parse_args(argv)
    build = find_build_dir(Path.cwd(), os.environ)
    unit = next(u for u in load_units(build) if u.id == arguments.id)
    session = Session("specialize", build, unit.compiler, arguments.stress)
    source = unit.plain_object(build)
    if not unit.plain:
        try:
            treated = specialize(session, unit, load_manifest(build.manifest))
            source = treated.object or source
        except LakePlacidError as error:
            where, line = error.file or unit.source, error.line or 1
            report(build, "specialize", where, line, error.message)
            print(f"lp: note: {where}:{line}: compiled plainly: {error.message}", file=sys.stderr)
    if not source.exists():
        raise LakePlacidError(
            "what was captured of this unit is gone",
            file=str(source),
            remedy="build the project once more with lp-wrap",
        )
    shutil.copyfile(source, arguments.target)
    return 0
