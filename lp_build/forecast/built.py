# SPDX-License-Identifier: GPL-2.0-only
"""What became of the functions of a program's units, as the projection left word of it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from lp_build.compile.extents import find_lines, innermost
from lp_build.compile.specialize import description
from lp_build.errors import LakePlacidError
from lp_build.layout import BuildDir
from lp_build.model.sites import Function
from lp_build.projection.stops import StopKind
from lp_build.projection.symbols import base_name
from lp_build.store.capture import Unit, load_sites

# Who comes here has no request to finish: traps, and what checks call that have failed.
_ENDS = frozenset(("ud2", "hlt", "int3"))
_FAILURES = frozenset(("__stack_chk_fail", "__stack_chk_fail_local", "__chk_fail"))
# An instruction, but for arguments that are errors.
_INSTRUCTIONS = frozenset(("sqrt", "sqrtf"))
# What compilers and headers add to the name of a function that a source calls.
_DRESS = re.compile(r"^_*(?:isoc\d+_|builtin_)?_*|(?:_chk|_alias|64)*$")


@dataclass(frozen=True)
class StopRow:
    """A place where Elite always leaves, in the copy of function `root` (see stops.Stop)."""

    root: str
    file: str
    line: int
    reason: str
    callee: str


@dataclass(frozen=True)
class BuiltUnit:
    """A unit of the program. functions: all that it defines, by name (see `name_versions`), as they
    were captured. elite, kernel: symbols with a copy that runs in one process, or a kernel form;
    refused, kernel_refused: why others have none. enters: whether a loop of it is entered in the
    kernel."""

    unit: Unit
    functions: Mapping[str, Function]
    elite: frozenset[str]
    kernel: frozenset[str]
    refused: Mapping[str, str]
    kernel_refused: Mapping[str, str]
    stops: tuple[StopRow, ...]
    kernel_stops: tuple[StopRow, ...]
    enters: bool


def read_built(
    build: BuildDir, units: Iterable[Unit], names: Mapping[tuple[str, str], str], stress: bool
) -> list[BuiltUnit] | None:
    """The units as they were built; None where one was not built yet. names: of functions, by key
    and digest. Raises LakePlacidError for a damaged record."""
    found: list[BuiltUnit] = []
    for unit in units:
        path = description(build, unit, stress)
        if not path.exists():
            return None
        try:
            found.append(_read(build, unit, names, json.loads(path.read_text(encoding="utf-8"))))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise LakePlacidError(
                f"damaged record of Elite functions: {error!r}",
                file=str(path),
                remedy="run `lp build` again",
            ) from error
    return found


def _read(
    build: BuildDir, unit: Unit, names: Mapping[tuple[str, str], str], data: Mapping[str, Any]
) -> BuiltUnit:
    sites = None if unit.plain else load_sites(build, unit)
    functions, kernel = data["functions"], data["kernel"]
    return BuiltUnit(
        unit,
        {names[f.key, f.digest]: f for f in sites.functions} if sites else {},
        frozenset(row["name"] for row in functions),
        frozenset(row["name"] for row in kernel),
        {row["name"]: row["reason"] for row in data["not_elite"]},
        {row["name"]: row["reason"] for row in data["not_kernel"]},
        tuple(_stops(functions)),
        tuple(_stops(kernel)),
        bool(data["enters"]),
    )


def _stops(rows: Iterable[Mapping[str, Any]]) -> Iterator[StopRow]:
    for row in rows:
        for data in row["stops"]:
            stop = StopRow(row["name"], **data)
            if stop.reason not in _ENDS and stop.callee not in _FAILURES | _INSTRUCTIONS:
                yield stop


@dataclass(frozen=True)
class CallStop:
    """A stop that a path tells of. name: the call, arm or entry that requests have which come
    there. sure: each of them comes there. what: in words. here: the copies of Elite's stop at this
    very line, and not only at calls of the same function."""

    name: str
    file: str
    line: int
    what: str
    reason: str
    sure: bool
    here: bool = True


class StopFinder:
    """Finds for each stop of a unit the calls of the source that it is, else the arm around it."""

    def __init__(self, build: BuildDir, unit: BuiltUnit) -> None:
        self._build = build
        self._unit = unit
        self._calls = [
            (function, f"{name}:call{number}", call)
            for name, function in unit.functions.items()
            for number, call in enumerate(function.calls)
        ]
        self._names = {function.name for function in unit.functions.values()}
        self._lines: dict[tuple[str, int], str] | None = None

    def find(self, stops: Iterable[StopRow]) -> list[CallStop]:
        """All places of these stops."""
        rows = list(stops)
        found: dict[str, CallStop] = {}
        told: set[StopRow] = set()
        by_callee: dict[str, list[StopRow]] = {}
        for stop in rows:
            if stop.callee:
                by_callee.setdefault(base_name(stop.callee), []).append(stop)
        for function, name, call in self._calls:
            if call.kind != "call":
                continue
            same = by_callee.get(call.callee, [])
            place = (function.file, call.line)
            here = [stop for stop in same if (stop.file, stop.line) == place]
            exact = bool(here)
            if not here and call.callee not in self._names:
                # Equal ends of a function are one for the compiler.
                here = [stop for stop in same if stop.reason != StopKind.CONDITIONAL_TAIL_CALL]
            if not here and call.home:
                here = [stop for stop in rows if _is_within(stop, call.home)]
            if here:
                told.update(here)
                what = f"call of {call.callee}"
                found[name] = CallStop(name, *place, what, here[0].reason, True, exact)
        for stop in rows:
            if stop not in told:
                for row in self._others(stop, found):
                    found.setdefault(row.name, row)
        return list(found.values())

    def _others(self, stop: StopRow, found: Mapping[str, CallStop]) -> Iterator[CallStop]:
        """The places of a stop that is no call by the name that the source has."""
        if stop.callee:
            named = [
                (name, call)
                for function, name, call in self._calls
                if (function.file, call.line) == (stop.file, stop.line)
                and call.kind == "call"
                and name not in found
                and call.callee not in self._names
            ]
            alike = [row for row in named if _bare(row[1].callee) == _bare(stop.callee)]
            for name, call in alike or named:
                what = f"call of {call.callee}"
                sure = bool(alike) or len(named) == 1
                yield CallStop(name, stop.file, stop.line, what, stop.reason, sure)
            if named:
                return
        kinds = _kinds(stop.reason)
        here = [
            CallStop(name, stop.file, stop.line, _WHAT[call.kind], stop.reason, True)
            for function, name, call in self._calls
            if call.kind in kinds and (function.file, call.line) == (stop.file, stop.line)
        ]
        if "goto" in kinds and not here:
            # A compiler makes one jump of all that go by an address.
            here = [
                CallStop(name, function.file, call.line, _WHAT["goto"], stop.reason, True)
                for function, name, call in self._calls
                if call.kind == "goto" and function.name == base_name(stop.root)
            ]
        yield from here
        if here:
            return
        what = f"call of {stop.callee}" if stop.callee else "instruction"
        yield CallStop(self._around(stop), stop.file, stop.line, what, stop.reason, False)

    def _around(self, stop: StopRow) -> str:
        """The arm or entry that comes nearest to a place."""
        if self._lines is None:
            self._lines = {}
            wanted = {(f.key, f.digest): name for name, f in self._unit.functions.items()}
            for lines in find_lines(self._build, self._unit.unit, wanted) if wanted else ():
                file = self._unit.functions[lines.key].file
                for line, arms in innermost(lines).items():
                    self._lines[file, line] = arms[-1] if arms else lines.key
        near = self._lines.get((stop.file, stop.line))
        if near is not None:
            return near
        root = base_name(stop.root)
        named = (name for name, f in self._unit.functions.items() if f.name == root)
        return next(named, f"?:{root}")


_WHAT = {
    "icall": "call through a pointer",
    "goto": "jump by a computed address",
    "asm": "inline assembly",
}


def _kinds(reason: str) -> tuple[str, ...]:
    """The kinds of calls of the source that a reason of the projection may be about."""
    if reason.startswith("inline assembly"):
        return ("asm",)
    if reason.startswith("an indirect call"):  # a jump with nothing on the stack looks like one
        return ("icall", "goto")
    return ("goto",) if "computed address" in reason else ()


def _is_within(stop: StopRow, home: str) -> bool:
    file, first, last = home.rsplit(":", 2)
    return stop.file == file and int(first) <= stop.line <= int(last)


def _bare(name: str) -> str:
    return _DRESS.sub("", name)
