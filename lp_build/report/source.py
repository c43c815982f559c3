# SPDX-License-Identifier: GPL-2.0-only
"""Source files line by line: what Elite has of each line, what was counted, where it was left."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from html import escape
from pathlib import Path

from pygments.lexers import CLexer
from pygments.token import Token

from lp_build.compile.extents import FunctionLines, innermost, within_lines
from lp_build.layout import BuildDir
from lp_build.model.sites import unversioned
from lp_build.report.model import ELITE_STATES, FileView, FunctionView, LineView, SiteView
from lp_build.statistics import Run

# Kinds of tokens with a colour, the special ones first; the letters are classes in report.css.
_STYLES = (
    (Token.Comment.Preproc, "p"),
    (Token.Comment.PreprocFile, "p"),
    (Token.Comment, "c"),
    (Token.Keyword, "k"),
    (Token.Literal.String, "s"),
    (Token.Literal.Number, "m"),
    (Token.Name.Function, "f"),
)


@dataclass(frozen=True)
class Source:
    """What lines are laid out from. extents: by function key. arms: numbers by name. counts:
    requests by arm. hot: arms that Elite has."""

    build: BuildDir
    extents: Mapping[str, FunctionLines]
    arms: Mapping[str, int]
    counts: Mapping[str, int]
    hot: set[str]


def lay_out(
    source: Source, functions: Sequence[FunctionView], runs: Sequence[Run]
) -> tuple[tuple[FileView, ...], tuple[FunctionView, ...]]:
    """The files with functions that a request came to, and all functions with their last lines."""
    placed = tuple(
        replace(f, line=source.extents[f.key].first, last=source.extents[f.key].last)
        if f.key in source.extents
        else f
        for f in functions
    )
    hits: dict[str, Counter[int]] = {}
    for run in runs:
        for deopt in run.deopts:
            hits.setdefault(deopt.file, Counter())[deopt.line] += deopt.hits
    shown = {f.file for f in placed if f.state != "unseen"} | hits.keys()
    files = tuple(
        _file(source, name, [f for f in placed if f.file == name], hits.get(name, Counter()))
        for name in sorted(shown, key=lambda name: (name.startswith("/"), name))
    )
    return files, placed


def read_lines(path: Path) -> list[str]:
    """A source file's lines. Raises OSError."""
    return path.read_text(encoding="utf-8", errors="replace").split("\n")


def coloured(text: str) -> list[str]:
    """C source as HTML, one string a line; what has no colour of its own has no element either."""
    lines = [""]
    for kind, value in CLexer(stripnl=False, ensurenl=False).get_tokens(text):
        style = next((style for group, style in _STYLES if kind in group), "")
        for number, part in enumerate(value.split("\n")):
            if number:
                lines.append("")
            if part:
                shown = escape(part, quote=False)
                lines[-1] += f'<i class="{style}">{shown}</i>' if style else shown
    return lines


def _file(
    source: Source, name: str, functions: Sequence[FunctionView], hits: Mapping[int, int]
) -> FileView:
    path = source.build.root / name
    try:
        plain = read_lines(path)
    except OSError as error:
        return FileView(name, (), tuple(functions), f"cannot be read: {error.strerror}")
    if plain and not plain[-1]:
        plain.pop()
    rows = coloured("\n".join(plain))
    if len(rows) < len(plain):
        rows += [""] * (len(plain) - len(rows))
    owners: dict[int, FunctionView] = {}
    arms: dict[int, tuple[str, ...]] = {}
    partly: dict[int, tuple[str, ...]] = {}
    sites: dict[int, list[SiteView]] = {}
    for function in _shown(functions):
        extent = source.extents.get(function.key)
        if extent is None:
            continue
        owners.update(dict.fromkeys(range(extent.first, extent.last + 1), function))
        arms.update(innermost(extent))
        partly.update(within_lines(extent))
        for site in function.sites:
            sites.setdefault(site.line, []).append(site)
    lines = []
    previous: tuple[str, ...] | None = None
    for number in range(1, len(plain) + 1):
        owner = owners.get(number)
        taken = arms.get(number, ())
        state, some = _state(source, owner, taken, partly.get(number, ()))
        innermost_arm = taken[-1] if taken else owner.key if owner else ""
        # Back in an outer arm, some may have returned meanwhile: no count can be told.
        begins = owner is not None and (
            number == owner.line or (previous is not None and bool(set(taken) - set(previous)))
        )
        lines.append(
            LineView(
                number,
                plain[number - 1],
                rows[number - 1],
                state,
                some,
                source.arms.get(innermost_arm, -1),
                source.counts.get(innermost_arm, 0) if begins else None,
                tuple(sites.get(number, ())),
                hits.get(number, 0),
                owner if owner and number == owner.line else None,
            )
        )
        previous = taken if owner else None
    return FileView(name, tuple(lines), tuple(functions), "")


def _shown(functions: Sequence[FunctionView]) -> list[FunctionView]:
    """Of a function in several versions, which have the same lines, the busiest."""
    busiest: dict[str, FunctionView] = {}
    for function in functions:
        known = busiest.setdefault(unversioned(function.key), function)
        if (function.requests, function.hits) > (known.requests, known.hits):
            busiest[unversioned(function.key)] = function
    return list(busiest.values())


def _state(
    source: Source,
    function: FunctionView | None,
    arms: Sequence[str],
    partly: Sequence[str],
) -> tuple[str, bool]:
    """A line's state, and whether some of it is cold."""
    if function is None:
        return "", False
    if function.state not in ELITE_STATES:
        return "out", False
    if any(arm not in source.hot for arm in arms):
        return "cold", False
    return "hot", any(arm not in source.hot for arm in partly)
