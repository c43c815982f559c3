# SPDX-License-Identifier: GPL-2.0-only
"""The specialising pass: a marker at the head of each arm that the manifest calls cold."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from lp_build.config import Config, is_function
from lp_build.layout import BuildDir
from lp_build.model.markers import ARM, COLD, ENTRY, LOOP, Marker, marker_text
from lp_build.model.sites import Function, Problem, UnitSites
from lp_build.model.verdicts import FunctionVerdicts, Manifest, Verdict
from lp_build.source.edits import Edits
from lp_build.source.parse import ParsedUnit, parse_unit
from lp_build.source.request import check_request
from lp_build.source.scout import FALLTHROUGH, name_files, named_problems
from lp_build.source.sites import FunctionSites, LoopNode, SiteNode, find_sites

# What sees the addresses of frames, which differ in Elite.
_FRAME_READERS = re.compile(
    rb"\b__builtin_(?:return_address|frame_address|apply_args|apply|return|dwarf_cfa"
    rb"|extract_return_addr|eh_return|init_dwarf_reg_size_table|unwind_init)\b"
)
_CHANGED = "changed since scouting: all its conditionals are unknown and it is not Elite"


@dataclass(frozen=True)
class SpecializedUnit:
    """The text with its markers; `markers` is indexed by the number in the assembly comment.

    functions: all of the unit, as they are now. not_elite: functions, by key, that the manifest
    wants but the source rules out, and why. frame_readers: functions, by name, that see their
    callers' frames, and frame_reads: the (file, line) of what does, wherever it gets inlined.
    """

    text: bytes
    markers: tuple[Marker, ...]
    functions: UnitSites
    problems: tuple[Problem, ...]
    not_elite: dict[str, str]
    frame_readers: frozenset[str] = frozenset()
    frame_reads: frozenset[tuple[str, int]] = frozenset()


class _Pass:
    """The edits of one unit, and the markers that they leave."""

    def __init__(self, *, cwd: str, build: BuildDir, stress: bool) -> None:
        self.stress = stress
        self.edits = Edits()
        self.markers: list[Marker] = []
        self._name = ""  # of the function under way
        self._cwd = cwd
        self._build = build

    def _mark(self, kind: str, function: Function, name: str, file: str, line: int) -> str:
        """A marker's text; `name` is the rest of the site's name."""
        relative = self._build.relative(file, self._cwd)
        self.markers.append(Marker(kind, f"{self._name}:{name}", relative, line, function.key))
        return marker_text(kind, len(self.markers) - 1)

    def _arm(self, function: Function, ordinal: int, site: SiteNode, number: int, hot: bool) -> str:
        """The marker of one arm, "" where none is due."""
        if hot and not self.stress:
            return ""
        arm = site.arms[number]
        kind = ARM if hot else COLD
        return self._mark(kind, function, f"{ordinal}:{arm.name}", site.file, arm.line)

    def function(
        self, name: str, function: FunctionSites, verdicts: FunctionVerdicts, *, entered: bool
    ) -> None:
        """All markers of one Elite function, which the manifest calls `name`; `entered`: the
        Fallback may enter it at its loops."""
        described = function.function
        self._name = name
        waiting: dict[tuple[int, int], str] = {}  # loop markers that go with a condition
        for loop in function.loops:
            self._loop(described, loop, entered, waiting)
        for ordinal, site in enumerate(function.sites):
            if site.kind == "switch":
                names = tuple(arm.name for arm in site.arms)
                self._switch(described, ordinal, site, verdicts.switches.get(ordinal, names))
        for ordinal, site in enumerate(function.sites):
            if site.kind not in ("switch", "icall"):
                verdict = verdicts.conditions.get(ordinal, Verdict.UNKNOWN)
                loop_marker = waiting.pop(site.span, "")
                self._condition(described, ordinal, site, verdict, loop_marker)
        for (start, end), marker in waiting.items():
            first = f"__extension__({{{marker};1;}})"
            if start == end:  # `for (;;)`
                self.edits.insert(start, first)
            else:
                self.edits.wrap(start, end, f"({first}?(", "):0)")

    def _loop(
        self,
        function: Function,
        loop: LoopNode,
        entered: bool,
        waiting: dict[tuple[int, int], str],
    ) -> None:
        """ENTRY and LOOP at a loop's head. A body without braces has them in the condition."""
        markers: list[str] = []
        if entered and loop.outermost:
            name = f"entry@{loop.line}"
            markers.append(self._mark(ENTRY, function, name, loop.file, loop.line))
        if self.stress:
            name = f"loop@{loop.line}"
            markers.append(self._mark(LOOP, function, name, loop.file, loop.line))
        if markers and loop.head < 0:
            waiting[loop.condition] = ";".join(markers)
            return
        for marker in markers:
            if loop.declares:
                # A declaration, because ISO C90 wants no statement before the next one.
                flag = f"__lp_head_{len(self.markers)}_{len(marker)}"
                self.edits.insert(
                    loop.head,
                    f"int {flag} __attribute__((__unused__))=__extension__({{{marker};0;}});",
                )
            else:
                self.edits.insert(loop.head, f"{marker};")

    def _condition(
        self, function: Function, ordinal: int, site: SiteNode, verdict: Verdict, loop_marker: str
    ) -> None:
        true = self._arm(function, ordinal, site, 0, verdict is not Verdict.UNLIKELY)
        false = self._arm(function, ordinal, site, 1, verdict is not Verdict.LIKELY)
        if not true and not false and not loop_marker:
            return
        if loop_marker:
            true = f"{loop_marker};{true}" if true else loop_marker
        one = f"__extension__({{{true};1;}})" if true else "1"
        zero = f"__extension__({{{false};0;}})" if false else "0"
        self.edits.wrap(*site.span, "((", f")?{one}:{zero})")

    def _switch(
        self, function: Function, ordinal: int, site: SiteNode, hot: tuple[str, ...]
    ) -> None:
        for number, arm in enumerate(site.arms):
            implicit = arm.name == "default" and site.implicit_default >= 0
            if arm.insert < 0 and not implicit:
                continue
            marker = self._arm(function, ordinal, site, number, arm.name in hot)
            if not marker:
                continue
            if implicit:
                self.edits.insert(site.implicit_default, f"break;default:{marker};")
            else:
                self.edits.insert(arm.insert, f"{marker};" + (FALLTHROUGH if arm.stacked else ""))


def specialize_source(
    text: bytes,
    *,
    cwd: str,
    build: BuildDir,
    config: Config,
    manifest: Manifest,
    stress: bool,
    clang: bool = False,
    language: Sequence[str] = (),
) -> SpecializedUnit:
    """Mark a preprocessed unit that was compiled in folder `cwd`, for gcc or for clang. language:
    as `parse_unit` takes it.

    Raises LakePlacidError when libclang can't parse it, and for a request function that can't be
    run on a stack slot, with its file and line.
    """
    unit = parse_unit(text, language)
    functions = find_sites(unit, name_files(unit, build, cwd))
    problems = list(named_problems(unit, build, cwd))
    work = _Pass(cwd=cwd, build=build, stress=stress)
    not_elite: dict[str, str] = {}
    known = {entry.key for entry in manifest.functions.values()}
    elite = {entry.key for entry in manifest.elite_functions()}
    readers: set[str] = set()
    for function in functions:
        described = function.function
        reader = _FRAME_READERS.search(text, function.node.body_start, function.node.body_end)
        if reader is not None:
            readers.add(described.name)
        if is_function(config.request, described.file, described.name):
            check_request(unit.tree, function.node, described.file)
            # Its callers must neither inline it nor rely on what it leaves in registers.
            attribute = "__noinline__,__used__" if clang else "__noipa__"
            work.edits.insert(function.node.start, f"__attribute__(({attribute})) ")
        if described.key not in known:
            continue
        name = manifest.named(described)
        if name is None:
            if described.key in elite:
                not_elite[described.key] = _CHANGED
            reason = f"{described.name} {_CHANGED}"
            problems.append(Problem(described.file, described.line, reason))
            continue
        verdicts = manifest.functions[name]
        if not verdicts.elite:
            continue
        if reader is not None:
            builtin = reader.group().decode()
            not_elite[described.key] = f"it uses {builtin}, which would see Elite's own addresses"
            continue
        entered = is_function(config.loop, described.file, described.name)
        work.function(name, function, verdicts, entered=entered)
    return SpecializedUnit(
        work.edits.apply(text),
        tuple(work.markers),
        UnitSites(tuple(f.function for f in functions)),
        tuple(problems),
        not_elite,
        frozenset(readers),
        _frame_reads(unit, build, cwd),
    )


def _frame_reads(unit: ParsedUnit, build: BuildDir, cwd: str) -> frozenset[tuple[str, int]]:
    places = (unit.lines.at(match.start()) for match in _FRAME_READERS.finditer(unit.text))
    return frozenset((build.relative(place.file, cwd), place.line) for place in places)
