# SPDX-License-Identifier: GPL-2.0-only
"""From the analysis of a function to its text: the way through its blocks, which all forms of Elite
share. What becomes of each item is the form's own."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from lp_build.model.markers import ARM, ENTRY, LOOP
from lp_build.projection.cfg import Analysis, Block
from lp_build.projection.cfi import CfiError, FrameRule
from lp_build.projection.instructions import INVERSE, Flow, flow_of
from lp_build.projection.items import InlineAsm, Insn, Loc, MarkerItem
from lp_build.projection.places import Exits
from lp_build.projection.records import check_rule
from lp_build.projection.stops import NotElite, Stop

_FP = re.compile(r"%[xyz]mm\d|%st\b|%mm\d|\bf(?:ld|st|add|mul|div|sub)\w*\b")


@dataclass(frozen=True)
class Entry:
    """Where the Fallback enters Elite: the marker instance's line, Elite's label, the frame."""

    line: int
    label: str
    rule: FrameRule


@dataclass(frozen=True)
class EliteFunction:
    """One function's text in one form of Elite, and what reports say of it. stops: where it leaves
    whatever the data (cold arms are not among them)."""

    name: str
    text: tuple[str, ...]
    instructions: int
    uses_fp: bool
    deopts: int
    stops: tuple[Stop, ...] = ()
    entries: tuple[Entry, ...] = ()


class Emitter(Protocol):
    """One form of Elite: it gets a function's analysis when it is made, and yields lines. Items
    come in the order in which their text is to stand."""

    @property
    def analysis(self) -> Analysis:
        """The function."""

    @property
    def exits(self) -> Exits:
        """Where it leaves."""

    def begin(self, block: Block) -> Iterator[str]:
        """What stands at a block's head: its label, and what goes with it."""

    def reach(self, position: int) -> Iterator[str]:
        """What stands before the text of the item at `position`. Raises CfiError for a frame that
        this form can't have."""

    def location(self, item: Loc) -> Iterator[str]:
        """A position in the source."""

    def force(self, position: int, what: str) -> Iterator[str]:
        """A stress build's check whether to leave before the item at `position`; what: the callee
        of a call, by which its site is known. Flags are dead there, all registers live."""

    def asm(self, position: int, item: InlineAsm) -> Iterator[str]:
        """An `asm` statement."""

    def instruction(self, block: Block, position: int, item: Insn) -> Iterator[str]:
        """An instruction, but for a branch to a label that ends its block."""

    def finish(self, body: Sequence[str]) -> list[str]:
        """The whole function around the text of its blocks."""


def emit(emitter: Emitter) -> EliteFunction:
    """The function's text. Raises NotElite with the reason when something reachable can't be."""
    analysis = emitter.analysis
    try:
        body = list(_body(emitter))
        entries = tuple(_entry(emitter, marker) for marker in analysis.entries())
        text = emitter.finish(body)
    except CfiError as error:
        raise NotElite(f"{error}") from error
    made = [
        item
        for start in _emitted(analysis)
        for item in analysis.items[start : analysis.blocks[start].end]
        if isinstance(item, Insn)
    ]
    return EliteFunction(
        name=analysis.function.name,
        text=tuple(text),
        instructions=len(made),
        uses_fp=any(_FP.search(item.text) for item in made),
        deopts=emitter.exits.deopts,
        stops=analysis.stops(),
        entries=entries,
    )


def _entry(emitter: Emitter, marker: MarkerItem) -> Entry:
    analysis = emitter.analysis
    position = next(
        at
        for at, i in enumerate(analysis.items)
        if isinstance(i, MarkerItem) and i.line == marker.line
    )
    check_rule(analysis.rules[position])
    return Entry(marker.line, emitter.exits.names.entry(marker), analysis.rules[position])


def _emitted(analysis: Analysis) -> list[int]:
    """The blocks that have text: all but those that hold nothing but a deopt."""
    return [
        start
        for start in sorted(analysis.blocks)
        if start == analysis.entry or analysis.left_at(start) is None
    ]


def _body(emitter: Emitter) -> Iterator[str]:
    analysis = emitter.analysis
    hot = [start for start in sorted(analysis.blocks) if analysis.left_at(start) is None]
    for start in _emitted(analysis):
        behind = bisect_right(hot, start)
        following = hot[behind] if behind < len(hot) else None
        yield from _block(emitter, analysis.blocks[start], following)


def _block(emitter: Emitter, block: Block, following: int | None) -> Iterator[str]:
    """A block's text; following: the block that stands behind it."""
    analysis = emitter.analysis
    yield from emitter.begin(block)
    pending: Insn | None = None
    for position in range(block.start, block.end):
        item = analysis.items[position]
        if isinstance(item, Loc):
            yield from emitter.location(item)
        elif isinstance(item, MarkerItem):
            if item.kind in (ARM, LOOP) and analysis.context.stress:
                yield from emitter.reach(position)
                yield from emitter.force(position, "")
            elif item.kind == ENTRY:
                yield f"{emitter.exits.names.entry(item)}:"
        elif isinstance(item, InlineAsm):
            yield from emitter.reach(position)
            yield from emitter.asm(position, item)
        elif isinstance(item, Insn):
            yield from emitter.reach(position)
            branch = flow_of(item.mnemonic) is Flow.BRANCH and item.operands in analysis.labels
            if branch and position == block.end - 1:
                pending = item
            else:
                yield from emitter.instruction(block, position, item)
    yield from _end(emitter, block, pending, following)


def _end(
    emitter: Emitter, block: Block, branch: Insn | None, following: int | None
) -> Iterator[str]:
    """How a block goes on: a branch, and where it falls."""
    analysis, exits = emitter.analysis, emitter.exits
    known = block.end < len(analysis.items) and block.end in analysis.blocks
    fall = ""
    if block.stop is not None:
        yield from emitter.reach(block.end)
        fall = exits.stub(block.end)
    elif block.falls and known and block.end != following:
        fall = exits.block_or_stub(block.end)
    if branch is not None:
        taken = exits.target(branch.operands)
        straight = following is not None and taken == exits.names.block(following)
        if fall and straight and branch.mnemonic in INVERSE:
            yield f"\t{INVERSE[branch.mnemonic]} {fall}"
            return
        if branch.mnemonic in INVERSE:
            yield f"\t{branch.mnemonic} {taken}"
        else:
            # These reach 127 bytes only: hop over a long jump.
            hop, over = exits.names.at("h", block.end), exits.names.at("o", block.end)
            yield from (f"\t{branch.mnemonic} {hop}", f"\tjmp {over}", f"{hop}:")
            yield from (f"\tjmp {taken}", f"{over}:")
    if fall:
        yield f"\tjmp {fall}"
    elif block.falls and not known:
        yield "\tud2"
