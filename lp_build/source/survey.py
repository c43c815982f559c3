# SPDX-License-Identifier: GPL-2.0-only
"""The survey pass: every function's calls and loops are counted, before anyone has named a request
function. What the program does stays the same.

c_runtime/survey/prelude.h says what the added text means to the runtime.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from lp_build.layout import BuildDir
from lp_build.model.sites import UnitSites
from lp_build.resources import resource_dir
from lp_build.source.edits import Edits
from lp_build.source.parse import parse_unit
from lp_build.source.scout import ScoutedUnit, c_string, name_files, named_problems, with_prelude
from lp_build.source.sites import FunctionSites, find_sites

PRELUDE_VERSION = 1


@dataclass(frozen=True)
class SurveyedLoop:
    """A loop. line: of the original source; enterable: whether Elite could be entered at its head
    (it is in no other loop of the function, and its body is a block)."""

    line: int
    enterable: bool


@dataclass(frozen=True)
class SurveyedFunction:
    """A function as a survey knows it; file: as sites name it."""

    file: str
    name: str
    line: int
    loops: tuple[SurveyedLoop, ...]

    @property
    def key(self) -> str:
        """`file:name`, the stable name."""
        return f"{self.file}:{self.name}"


@dataclass(frozen=True)
class SurveyTable:
    """The functions of a unit, in the order of their numbers; their loops are numbered along."""

    functions: tuple[SurveyedFunction, ...]

    def to_json(self) -> list[Any]:
        """Plain data for `json.dumps`."""
        return [
            [f.file, f.name, f.line, [[loop.line, loop.enterable] for loop in f.loops]]
            for f in self.functions
        ]

    @staticmethod
    def from_json(data: list[Any]) -> SurveyTable:
        """The inverse of `to_json`. Raises TypeError or ValueError for other data."""
        return SurveyTable(
            tuple(
                SurveyedFunction(file, name, line, tuple(SurveyedLoop(*loop) for loop in loops))
                for file, name, line, loops in data
            )
        )


@cache
def _prelude() -> str:
    header = (resource_dir("c_runtime") / "survey" / "prelude.h").read_text("utf-8")
    bare = re.sub(r"/\*.*?\*/", " ", header, flags=re.S)
    return re.sub(r"\s+", " ", bare).strip()


def survey_source(
    text: bytes, *, cwd: str, build: BuildDir, language: Sequence[str] = ()
) -> ScoutedUnit:
    """Instrument a preprocessed unit that was compiled in folder `cwd`. language: as `parse_unit`
    takes it.

    Raises LakePlacidError, with file and line, when libclang can't parse it.
    """
    unit = parse_unit(text, language)
    functions = find_sites(unit, name_files(unit, build, cwd))
    problems = named_problems(unit, build, cwd)
    sites = UnitSites(tuple(f.function for f in functions))
    if not functions:
        return ScoutedUnit(text, sites, problems)
    edits = Edits()
    loops = 0
    for number, function in enumerate(functions):
        _edit(edits, function, number, loops)
        loops += len(function.loops)
    unique = hashlib.sha256(text).hexdigest()[:16]
    declarations = _declarations(functions, loops, unique)
    return ScoutedUnit(with_prelude(edits.apply(text), declarations), sites, problems)


def _table(functions: list[FunctionSites]) -> SurveyTable:
    return SurveyTable(
        tuple(
            SurveyedFunction(
                f.function.file,
                f.function.name,
                f.function.line,
                tuple(
                    SurveyedLoop(loop.line, loop.outermost and loop.head >= 0) for loop in f.loops
                ),
            )
            for f in functions
        )
    )


def _declarations(functions: list[FunctionSites], loops: int, unique: str) -> str:
    literal = c_string(json.dumps(_table(functions).to_json(), separators=(",", ":")))
    return (
        f"{_prelude()} extern struct __lp_survey_unit __lp_survey_unit "
        f'__asm__("lp_survey_unit.{unique}") __attribute__((__visibility__("hidden"))); '
        "struct __lp_survey_unit __lp_survey_unit __attribute__((__weak__)) = "
        f"{{ {PRELUDE_VERSION}, {len(functions)}, {loops}, 0, 0, 0, {literal} }}; "
        "static struct __lp_survey_unit *const __lp_survey_link __attribute__(("
        '__section__("lp_survey_units"), __used__)) = &__lp_survey_unit;'
    )


def _edit(edits: Edits, function: FunctionSites, number: int, loops: int) -> None:
    # All that begins a block is a declaration: it may stand before declarations in C90 too.
    edits.insert(
        function.head,
        "struct __lp_survey_token __lp_survey_here "
        "__attribute__((__cleanup__(__lp_survey_leave))); "
        "int __lp_survey_entered __attribute__((__unused__))="
        f"__lp_survey_enter(&__lp_survey_here,__lp_survey_unit.base+{number},"
        "__builtin_frame_address(0));",
    )
    for index, loop in enumerate(function.loops, loops):
        call = f"__lp_survey_iterate(&__lp_survey_here,__lp_survey_unit.loop_base+{index})"
        if loop.head >= 0:
            flag = f"int __lp_survey_iterated __attribute__((__unused__))={call};"
            edits.insert(loop.head, flag)
        elif loop.condition[0] < loop.condition[1]:
            edits.wrap(*loop.condition, f"({call},(", "))")
        else:
            edits.insert(loop.condition[0], call)
