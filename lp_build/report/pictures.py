# SPDX-License-Identifier: GPL-2.0-only
"""Geometry of the report's pictures: what the template draws as SVG. Units are SVG user units."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lp_build.report.model import FileView, LineView

# The flow: requests on the left, where they went on the right.
WIDTH = 1080.0
_BAR = 12.0
_RIGHT = 520.0
_HEIGHT = 280.0
_THIN = 2.0  # what is there at all can be seen
_ROW = 30.0  # a label needs this
_TOP = 10.0

# The map: a strip a file.
STRIP = 96.0
_LINE = 3.0
_TALLEST = 420.0
_COLUMNS = 100  # characters that fill a strip's width


@dataclass(frozen=True)
class Outcome:
    """Where some of the requests went. kind: "elite", "deopt" or "rest". href: a place in the
    report, or ""."""

    kind: str
    count: int
    title: str
    detail: str
    href: str


@dataclass(frozen=True)
class Ribbon:
    """An outcome with its place: a path from the left bar, its bar on the right, its label."""

    outcome: Outcome
    share: float
    path: str
    y: float
    height: float
    label_y: float


@dataclass(frozen=True)
class Flow:
    """The picture of where requests went."""

    ribbons: tuple[Ribbon, ...]
    width: float
    height: float
    bar: float
    right: float
    left_y: float
    left_height: float


def flow(outcomes: Sequence[Outcome], total: int) -> Flow:
    """Lay out `outcomes` of `total` requests, from the top down in their order."""
    parts = [o for o in outcomes if o.count]
    heights = [max(_THIN, _HEIGHT * o.count / max(total, 1)) for o in parts]
    rows = [max(height, _ROW) for height in heights]
    whole, left_height = sum(rows), sum(heights)
    left = _TOP + max(0.0, (whole - left_height) / 2)
    left_y, right = left, _TOP
    ribbons = []
    for outcome, height, row in zip(parts, heights, rows, strict=True):
        y = right + (row - height) / 2
        ribbons.append(
            Ribbon(
                outcome,
                outcome.count / max(total, 1),
                _band(_BAR, left, _RIGHT, y, height),
                y,
                height,
                right + row / 2,
            )
        )
        left += height
        right += row
    return Flow(
        tuple(ribbons), WIDTH, whole + 2 * _TOP, _BAR, _RIGHT, left_y, max(left_height, _THIN)
    )


def _band(x0: float, y0: float, x1: float, y1: float, height: float) -> str:
    """A band of equal height from one place to another."""
    middle = (x0 + x1) / 2
    z0, z1 = y0 + height, y1 + height
    return (
        f"M{x0:.1f} {y0:.1f}C{middle:.1f} {y0:.1f} {middle:.1f} {y1:.1f} {x1:.1f} {y1:.1f}"
        f"V{z1:.1f}C{middle:.1f} {z1:.1f} {middle:.1f} {z0:.1f} {x0:.1f} {z0:.1f}Z"
    )


@dataclass(frozen=True)
class Dot:
    """Deopts at a line of a strip; radius by their share."""

    y: float
    radius: float
    hits: int
    line: int


@dataclass(frozen=True)
class Strip:
    """A file from above: for each state of lines one path, and a dot where Elite was left."""

    file: FileView
    height: float
    paths: tuple[tuple[str, str], ...]
    dots: tuple[Dot, ...]


_STATES = ("", "out", "cold", "hot")  # a later one hides an earlier one where lines share a row


def strip(file: FileView, lengths: Mapping[int, tuple[int, int]], most: int) -> Strip:
    """Draw a file. lengths: (indent, end) in columns by line. most: the most deopts at any line."""
    count = max(len(file.lines), 1)
    step = min(_LINE, _TALLEST / count)
    rows: dict[int, LineView] = {}
    spans: dict[int, tuple[int, int]] = {}
    for line in file.lines:
        indent, end = lengths.get(line.number, (0, 0))
        if end <= indent:
            continue
        row = int((line.number - 1) * step / _LINE)
        known = rows.get(row)
        if known is None or _STATES.index(line.state) > _STATES.index(known.state):
            rows[row] = line
            spans[row] = (indent, end)
        elif line.state == known.state:
            spans[row] = (min(spans[row][0], indent), max(spans[row][1], end))
    drawn: dict[str, list[str]] = {}
    for row, line in sorted(rows.items()):
        first, last = (min(column, _COLUMNS) * STRIP / _COLUMNS for column in spans[row])
        drawn.setdefault(line.state, []).append(
            f"M{first:.1f} {row * _LINE:.0f}H{max(last, first + 1):.1f}v2.2H{first:.1f}Z"
        )
    dots = tuple(
        Dot(
            (line.number - 0.5) * step,
            2.5 + 5.5 * (line.hits / max(most, 1)) ** 0.5,
            line.hits,
            line.number,
        )
        for line in file.lines
        if line.hits
    )
    return Strip(file, count * step, tuple((s, "".join(p)) for s, p in drawn.items()), dots)
