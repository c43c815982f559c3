# SPDX-License-Identifier: GPL-2.0-only
"""Which lines of the original source each function and each arm covers.

The sites that a build leaves say where an arm begins; where it ends, only the captured text does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lp_build.layout import BuildDir
from lp_build.model.lines import LineMap
from lp_build.source.parse import parse_unit
from lp_build.source.scout import name_files
from lp_build.source.sites import FunctionSites, find_sites
from lp_build.store.capture import Unit

Span = tuple[int, int]


@dataclass(frozen=True)
class ArmLines:
    """Lines first to last of an arm, `name` as `file:function:ordinal:arm`. head, tail: whether
    the first and the last line belong to the arm alone."""

    name: str
    first: int
    last: int
    head: bool
    tail: bool


@dataclass(frozen=True)
class FunctionLines:
    """A function's lines, and its arms, an outer one before those within it. key: its name."""

    key: str
    first: int
    last: int
    arms: tuple[ArmLines, ...]


def find_lines(
    build: BuildDir, unit: Unit, wanted: Mapping[tuple[str, str], str]
) -> list[FunctionLines]:
    """The lines of the functions of `unit` that are `wanted`: names by key and digest. Raises
    LakePlacidError when the captured text can't be parsed (any more)."""
    text = unit.preprocessed(build).read_bytes()
    parsed = parse_unit(text, unit.language)
    found = find_sites(parsed, name_files(parsed, build, unit.cwd))
    named = [(wanted.get((f.function.key, f.function.digest)), f) for f in found]
    return [_function(name, f, text, parsed.lines) for name, f in named if name is not None]


def _function(name: str, function: FunctionSites, text: bytes, lines: LineMap) -> FunctionLines:
    node = function.node
    arms: list[tuple[Span, ArmLines]] = []
    for ordinal, site in enumerate(function.sites):
        for arm in site.arms:
            covered = _arm(f"{name}:{ordinal}:{arm.name}", arm.span, text, lines)
            if covered is None or lines.at(arm.span[0]).file != node.position.file:
                continue
            if site.kind == "switch" and arm.line < covered.first:  # its label
                covered = ArmLines(covered.name, arm.line, covered.last, True, covered.tail)
            arms.append((arm.span, covered))
    arms.sort(key=lambda item: (item[0][0], -item[0][1]))
    return FunctionLines(
        name,
        lines.line(node.start),
        lines.line(node.end - 1),
        tuple(arm for _, arm in arms),
    )


def _arm(name: str, span: Span, text: bytes, lines: LineMap) -> ArmLines | None:
    """The lines of the tokens in `span`; None where there are none."""
    body = text[span[0] : span[1]]
    start = span[0] + len(body) - len(body.lstrip())
    end = span[0] + len(body.rstrip())
    if end <= start:
        return None
    before = text[text.rfind(b"\n", 0, start) + 1 : start]
    newline = text.find(b"\n", end)
    after = text[end : newline if newline >= 0 else len(text)]
    return ArmLines(
        name,
        lines.line(start),
        lines.line(end - 1),
        not before.strip(),
        not after.strip().strip(b";"),
    )


def innermost(function: FunctionLines) -> dict[int, tuple[str, ...]]:
    """For each line of the function, the arms that it belongs to alone, from the outermost in."""
    found: dict[int, tuple[str, ...]] = dict.fromkeys(range(function.first, function.last + 1), ())
    for arm in function.arms:
        first = arm.first if arm.head else arm.first + 1
        last = arm.last if arm.tail else arm.last - 1
        if arm.first == arm.last and not (arm.head and arm.tail):
            continue
        for line in range(first, last + 1):
            if line in found:
                found[line] = (*found[line], arm.name)
    return found


def within_lines(function: FunctionLines) -> dict[int, tuple[str, ...]]:
    """For each line, the arms that begin or end in the middle of it."""
    found: dict[int, tuple[str, ...]] = {}
    for arm in function.arms:
        ends: Sequence[tuple[int, bool]] = ((arm.first, arm.head), (arm.last, arm.tail))
        if arm.first == arm.last:
            ends = ((arm.first, arm.head and arm.tail),)
        for line, alone in ends:
            if not alone:
                found[line] = (*found.get(line, ()), arm.name)
    return found
