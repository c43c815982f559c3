# SPDX-License-Identifier: GPL-2.0-only
"""Make the object of one captured unit again; SCons runs this, several at a time."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from lp_build.compile.edited import Treated
from lp_build.compile.environment import Session
from lp_build.compile.specialize import defined_functions, describe_plain, specialize
from lp_build.config import is_function
from lp_build.errors import LakePlacidError
from lp_build.files import file_digest
from lp_build.layout import find_build_dir
from lp_build.manifest.manifest import load_manifest
from lp_build.model.sites import Function, Problem
from lp_build.model.verdicts import Manifest
from lp_build.processes import run_beside
from lp_build.store.capture import Unit, load_sites, load_unit, load_units
from lp_build.store.problems import problem_of, renew


def main(argv: list[str]) -> int:
    """Write the unit's object to the target, specialised where it can be, else the plain one.
    Raises LakePlacidError when what was captured is damaged, and when the unit of the request
    function can't be specialised: nothing would run in Elite."""
    parser = argparse.ArgumentParser(prog="lp_build.rebuild.unit")
    parser.add_argument("id")
    parser.add_argument("target", type=Path)
    parser.add_argument("--stress", action="store_true")
    arguments = parser.parse_args(argv)
    build = find_build_dir(Path.cwd(), os.environ)
    unit = load_unit(build.units / arguments.id / "unit.json")
    launcher = os.environ.get("LP_LAUNCHER", "")
    session = Session("specialize", build, unit.compiler, arguments.stress, launcher)
    treated = Treated(None)
    if not unit.plain:
        treated = _specialize(session, unit)
    source = treated.object or unit.plain_object(build)
    shutil.copyfile(source, arguments.target)
    describe_plain(build, unit, arguments.stress)
    return 0


@dataclass(frozen=True)
class _Failure:
    """Why a unit can't be specialised, and what may help."""

    problem: Problem
    remedy: str


def _specialize(session: Session, unit: Unit) -> Treated:
    build, phase = session.build, "stress" if session.stress else "build"
    text = unit.preprocessed(build)
    if file_digest(text) != unit.text:
        raise LakePlacidError(
            f"this is not the text that was captured of {unit.source}",
            file=str(text),
            remedy="build the project once more with lp-wrap, from clean",
        )
    manifest = load_manifest(build.manifest)

    def act() -> Treated | _Failure:
        try:
            return specialize(session, unit, manifest, defined_functions(build))
        except Exception as error:
            remedy = error.remedy if isinstance(error, LakePlacidError) else ""
            return _Failure(problem_of(error, unit.source), remedy)

    try:
        treated = run_beside(act)
    except LakePlacidError as error:
        treated = _Failure(problem_of(error, unit.source), error.remedy)
    if isinstance(treated, _Failure):
        # As in a wrapped build, the plain object stands for a unit that our passes can't handle.
        problem = treated.problem
        if _has_request(session, unit) and not _is_elsewhere(session, unit, manifest):
            raise LakePlacidError(
                problem.reason, file=problem.file, line=problem.line, remedy=treated.remedy
            )
        renew(build, phase, unit.id, [problem], unit.text)
        return Treated(None)
    renew(build, phase, unit.id, treated.problems, unit.text)
    return treated


def _request(session: Session, unit: Unit) -> Function | None:
    sites = load_sites(session.build, unit)
    functions = sites.functions if sites else ()
    request = session.config.request
    return next((f for f in functions if is_function(request, f.file, f.name)), None)


def _has_request(session: Session, unit: Unit) -> bool:
    return _request(session, unit) is not None


def _is_elsewhere(session: Session, unit: Unit, manifest: Manifest) -> bool:
    """Whether the request function as scouted is in another unit: a build may compile one source
    for several programs, with other flags for each, and the manifest is that of one."""
    for other in load_units(session.build):
        request = _request(session, other) if other.id != unit.id else None
        name = manifest.named(request) if request else None
        if name is not None and manifest.functions[name].elite:
            return True
    return False


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except LakePlacidError as failure:
        print(f"lp: {failure}", file=sys.stderr)
        sys.exit(1)
