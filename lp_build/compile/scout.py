# SPDX-License-Identifier: GPL-2.0-only
"""One unit instrumented: for scouting, or for the survey."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from lp_build.compile.edited import Treated, compile_edited, coverage_flags, is_clang
from lp_build.compile.environment import Session
from lp_build.store.capture import Unit

if TYPE_CHECKING:
    from lp_build.source.scout import ScoutedUnit

# Scouting code is run once, to learn: at -O2 its many small blocks would take the compiler twice
# the time of the real compile, at -Og less than it (measured on memcached: 2.1 and 0.7 times).
# Allocating registers by priority takes a tenth from that.
_SCOUT = ("-fno-lto",)
_QUICK = ("-Og", "-foptimize-sibling-calls")
_QUICK_GCC = ("-fira-algorithm=priority", "-fira-region=one")
_OPTIMIZED = re.compile(r"-O(?:[2-9]|fast|s|z)$")


def scout(session: Session, unit: Unit) -> Treated:
    """Instrument one unit. Raises LakePlacidError when it has to stay plain."""
    from lp_build.source.scout import scout_source

    text = unit.preprocessed(session.build).read_bytes()
    scouted = scout_source(
        text, cwd=unit.cwd, build=session.build, config=session.config, language=unit.language
    )
    return _instrumented(session, unit, scouted)


def survey(session: Session, unit: Unit) -> Treated:
    """Count all that a unit does. Raises LakePlacidError when it has to stay plain."""
    from lp_build.source.survey import survey_source

    text = unit.preprocessed(session.build).read_bytes()
    surveyed = survey_source(text, cwd=unit.cwd, build=session.build, language=unit.language)
    return _instrumented(session, unit, surveyed)


def _instrumented(session: Session, unit: Unit, made: ScoutedUnit) -> Treated:
    """The object of a unit's instrumented text."""
    if not made.sites.functions:
        return Treated(None, made.sites, made.problems)
    folder = unit.folder(session.build)
    edited, target = folder / f"{session.phase}.i", folder / f"{session.phase}.o"
    edited.write_bytes(made.text)
    flags = [f for f in unit.flags if not f.startswith("-flto")]
    flags += [*coverage_flags(unit), *_SCOUT, *(("-g1",) if unit.debug else ())]
    if any(map(_OPTIMIZED.match, flags)):
        flags += [*_QUICK, *(() if is_clang(unit.compiler) else _QUICK_GCC)]
    arguments = [*flags, "-x", "cpp-output", "-c", str(edited), "-o", str(target)]
    compile_edited(unit, arguments, session.launcher)
    return Treated(target, made.sites, made.problems)
