# SPDX-License-Identifier: GPL-2.0-only
"""Survey files of surveyed programs (written by c_runtime/survey/survey.c, which has the
format), summed up."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields
from functools import cache
from pathlib import Path

from lp_build.compile.runtime import wrapped_calls
from lp_build.errors import LakePlacidError
from lp_build.formats import SURVEY
from lp_build.source.survey import SurveyedFunction, SurveyTable

_MAGIC = b"LPSURVEY"
# struct lp_trace_head of c_runtime/scout/trace_file.h, then struct survey_header of survey/survey.c
# without its owners.
_HEADER = struct.Struct("<8sIIQQII256sQQQIIII")
_OWNERS = 4 << 14
_COUNTS = struct.Struct("<16Q")
_EDGE = struct.Struct("<QQQ")


@dataclass
class Counts:
    """What was counted of a function; c_runtime/survey/survey.c has each field's meaning.
    "Below": in the function or in what it called."""

    calls: int = 0
    iterations: int = 0
    received: int = 0
    sent: int = 0
    receives: int = 0
    sends: int = 0
    own_receives: int = 0
    own_sends: int = 0
    own_accepts: int = 0
    own_waits: int = 0
    cycles: int = 0
    waits: int = 0
    own_forks: int = 0
    called: frozenset[str] = frozenset()

    def add(self, values: Sequence[int]) -> None:
        """Add the numbers of a file, in their order; two words behind the counts are the set of
        library calls that it made."""
        for name, value in zip(_NAMES, values, strict=False):
            setattr(self, name, getattr(self, name) + value)
        low, high = values[len(_NAMES) : len(_NAMES) + 2]
        if low | high:
            self.called |= {name for n, name in _calls() if (low | high << 64) >> n & 1}


_NAMES = tuple(f.name for f in fields(Counts) if f.name != "called")


@cache
def _calls() -> tuple[tuple[int, str], ...]:
    return tuple(enumerate(wrapped_calls()))


@dataclass
class Edge:
    """One function calling another: how often, and how often from within a loop."""

    calls: int = 0
    looped: int = 0


@dataclass
class Survey:
    """What was seen in all processes and threads, by function key.

    loops: iterations by loop of each function. edges: by caller and callee. threads: the most that
    counted at once in one process. warnings: what could not be read.
    """

    functions: dict[str, SurveyedFunction] = field(default_factory=dict)
    counts: dict[str, Counts] = field(default_factory=dict)
    loops: dict[str, list[int]] = field(default_factory=dict)
    edges: dict[tuple[str, str], Edge] = field(default_factory=dict)
    threads: int = 0
    processes: int = 0
    warnings: list[str] = field(default_factory=list)

    def total(self, name: str) -> int:
        """The sum of a count over all functions."""
        return sum(getattr(counts, name) for counts in self.counts.values())

    def callers(self, key: str) -> dict[str, Edge]:
        """Who called a function."""
        return {a: edge for (a, b), edge in self.edges.items() if b == key}

    def callees(self, key: str) -> dict[str, Edge]:
        """What a function called."""
        return {b: edge for (a, b), edge in self.edges.items() if a == key}

    def below(self, key: str) -> set[str]:
        """All that a function reached."""
        reached: set[str] = set()
        work = [key]
        while work:
            for callee in self.callees(work.pop()):
                if callee not in reached:
                    reached.add(callee)
                    work.append(callee)
        return reached


def find_surveys(places: Iterable[Path]) -> list[Path]:
    """The survey files among and below `places`. Raises LakePlacidError when there are none."""
    files: list[Path] = []
    names = list(places)
    for place in names:
        if place.is_dir():
            files += sorted(place.rglob("*.lps"))
        elif place.exists():
            files.append(place)
    if not files:
        raise LakePlacidError(
            "no survey of a run",
            file=", ".join(map(str, names)),
            remedy="build with `lp-wrap make` (without an lp.toml, or with --phase survey), then "
            "run the program under its load",
        )
    return files


def read_surveys(places: Sequence[Path]) -> Survey:
    """Read and sum up all survey files among and below `places`. Raises LakePlacidError for what
    is no survey, or of another version."""
    survey = Survey()
    for path in find_surveys(places):
        _read(path, survey)
    return survey


def _read(path: Path, survey: Survey) -> None:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise LakePlacidError(
            f"cannot read the survey: {error.strerror}", file=str(path), remedy="check the path"
        ) from error
    if len(data) < _HEADER.size or data[:8] != _MAGIC:
        if not data.strip(b"\0"):
            survey.warnings.append(f"{path}: empty: its process ended at its start")
            return
        raise LakePlacidError("not a survey file", file=str(path), remedy="remove it")
    _, version, _, tables_size, _, _, failed, failure, *rest = _HEADER.unpack_from(data)
    offset, size, areas, functions, loops, edges, threads = rest
    if version != SURVEY:
        raise LakePlacidError(
            f"a survey of version {version}, where this tool reads {SURVEY}",
            file=str(path),
            remedy="survey again with this version",
        )
    if failed:
        said = failure.partition(b"\0")[0].decode("utf-8", "replace")
        survey.warnings.append(f"{path}: process {failed} stopped counting: {said}")
    start = _HEADER.size + _OWNERS
    try:
        tables = json.loads(data[start : start + tables_size])
        found = [f for table in tables for f in SurveyTable.from_json(table).functions]
    except (ValueError, TypeError) as error:
        raise LakePlacidError("a damaged survey", file=str(path), remedy="remove it") from error
    if len(found) != functions or sum(len(f.loops) for f in found) != loops:
        raise LakePlacidError(
            "a survey whose tables are those of another program", file=str(path), remedy="remove it"
        )
    survey.functions |= {f.key: f for f in found}
    survey.processes += 1
    whole = range(offset, offset + areas * size, size)
    used = [start for start in whole if start + size <= len(data)]
    if len(used) < len(whole):
        survey.warnings.append(f"{path}: cut off: {len(whole) - len(used)} threads are missing")
    survey.threads = max(survey.threads, threads)
    for start in used:
        _read_area(data, start, found, edges, survey)


def _read_area(
    data: bytes, start: int, found: Sequence[SurveyedFunction], edges: int, survey: Survey
) -> None:
    """One thread's counts."""
    for number, function in enumerate(found):
        values = _COUNTS.unpack_from(data, start + number * _COUNTS.size)
        survey.counts.setdefault(function.key, Counts()).add(values)
    start += len(found) * _COUNTS.size
    for function in found:
        number = len(function.loops)
        seen = struct.unpack_from(f"<{number}Q", data, start)
        before = survey.loops.setdefault(function.key, [0] * number)
        survey.loops[function.key] = [a + b for a, b in zip(before, seen, strict=True)]
        start += 8 * number
    for key, calls, looped in _EDGE.iter_unpack(data[start : start + edges * _EDGE.size]):
        caller, callee = (key >> 32) - 1, (key & 0xFFFFFFFF) - 1
        if 0 <= caller < len(found) and 0 <= callee < len(found):
            pair = (found[caller].key, found[callee].key)
            edge = survey.edges.setdefault(pair, Edge())
            edge.calls += calls
            edge.looped += looped
