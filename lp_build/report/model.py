# SPDX-License-Identifier: GPL-2.0-only
"""What a report shows, as plain values: gathered once, then only laid out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from lp_build.forecast.model import Forecast
from lp_build.statistics import Run

# What became of a function, in the order in which reports tell it.
STATES = {
    "elite": "Elite",
    "inlined": "inlined into Elite callers",
    "chosen": "to be Elite, not built yet",
    "rejected": "cannot be Elite",
    "changed": "changed since scouting",
    "cold": "left to the Fallback",
    "unseen": "in no traced request",
}
ELITE_STATES = ("elite", "inlined", "chosen")


@dataclass(frozen=True)
class Stage:
    """A step from sources to a run in Elite; command: what makes it, where it is not done yet."""

    name: str
    done: bool
    detail: str
    command: str


@dataclass(frozen=True)
class ClassRow:
    """A class of requests (or of loop iterations) with equal paths, in the order of the merge.

    share: of all; covered: of all, once this one is Elite. gain: requests that this adds to what is
    covered: its own, and those of classes that come for free with it. chosen: whether it is taken.
    weight: bytes of source that it adds. places: (file, line) of what it adds. arms: indices of all
    arms in it.
    """

    number: int
    count: int
    share: float
    covered: float
    gain: int
    chosen: bool
    functions: int
    weight: int
    places: tuple[tuple[str, int], ...]
    arms: tuple[int, ...]


@dataclass(frozen=True)
class Classes:
    """All classes of one kind. rest: how many rows are not shown, and their requests."""

    title: str
    total: int
    rows: tuple[ClassRow, ...]
    rest: int
    rest_count: int
    threshold: float

    @property
    def covered(self) -> float:
        """Share of the requests whose whole path is Elite."""
        return max((row.covered for row in self.rows if row.chosen), default=0.0)


@dataclass(frozen=True)
class ArmView:
    """A way out of a site: how many requests took it, and whether Elite has it."""

    name: str
    count: int
    hot: bool


@dataclass(frozen=True)
class SiteView:
    """A site. verdict: "likely", "unlikely", "unknown", "switch", "call", or "" outside of Elite.
    targets: of an indirect call."""

    ordinal: int
    kind: str
    line: int
    column: int
    verdict: str
    arms: tuple[ArmView, ...]
    targets: tuple[str, ...]

    @property
    def total(self) -> int:
        """How many requests took any arm, at least (one may take several)."""
        return max((arm.count for arm in self.arms), default=0)


@dataclass(frozen=True)
class EliteCode:
    """A function's Elite copy. elite, fallback: bytes; 0: not known."""

    instructions: int
    deopt_sites: int
    floating_point: bool
    elite: int
    fallback: int


@dataclass(frozen=True)
class FunctionView:
    """A function. key: its name (see `name_versions`). state: one of STATES; reason: in words.
    requests: those that entered it."""

    key: str
    name: str
    file: str
    line: int
    last: int
    state: str
    reason: str
    requests: int
    share: float
    hits: int
    sites: tuple[SiteView, ...]
    code: EliteCode | None


@dataclass(frozen=True)
class LineView:
    """A line of source; html: the same in colours. state: "hot", "cold", "out" (a function that is
    not Elite) or "" (outside of functions). partly: some of it is cold. arm: index of the innermost
    arm, -1: none. count: requests that came here, None: nothing new to tell. hits: deopts here."""

    number: int
    text: str
    html: str
    state: str
    partly: bool
    arm: int
    count: int | None
    sites: tuple[SiteView, ...]
    hits: int
    function: FunctionView | None


@dataclass(frozen=True)
class FileView:
    """A source file. lines: none where it can't be read, and `problem` says why."""

    name: str
    lines: tuple[LineView, ...]
    functions: tuple[FunctionView, ...]
    problem: str

    @property
    def hits(self) -> int:
        """Deopts in it."""
        return sum(function.hits for function in self.functions)


@dataclass(frozen=True)
class Note:
    """Something that was left as it is. what: "unit", "site" or "warning"; line 0: the whole."""

    what: str
    file: str
    line: int
    reason: str


@dataclass(frozen=True)
class Report:
    """All of it. proposed: verdicts are those that `lp manifest` would give now. runs: one by one;
    total: their sum. pointers: by file and line of a call through one, the functions that were seen
    behind it, the most frequent first."""

    project: str
    request: str
    loop: str
    stages: tuple[Stage, ...]
    proposed: bool
    classes: tuple[Classes, ...]
    functions: tuple[FunctionView, ...]
    files: tuple[FileView, ...]
    notes: tuple[Note, ...]
    units: int
    plain_units: int
    runs: tuple[Run, ...]
    total: Run | None
    forecast: Forecast
    pointers: Mapping[tuple[str, int], tuple[str, ...]]

    @property
    def elite(self) -> tuple[FunctionView, ...]:
        """Functions with an Elite copy of their own, the largest first."""
        own = [f for f in self.functions if f.code is not None]
        return tuple(sorted(own, key=lambda f: (-_size(f), f.key)))

    def behind(self, name: str, file: str, line: int) -> str:
        """A site's name; of a call through a pointer, with the functions behind it."""
        found = self.pointers.get((file, line), ()) if ":*" in name else ()
        return f"{name} ({', '.join(found)})" if found else name

    @property
    def covered(self) -> float | None:
        """The share of requests whose whole path is hot, which is no promise that they finish in
        Elite; None without traces."""
        return self.classes[0].covered if self.classes else None


def _size(function: FunctionView) -> int:
    code = function.code
    return (code.elite or code.instructions) if code else 0
