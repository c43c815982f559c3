# SPDX-License-Identifier: GPL-2.0-only
"""The places of one function's Elite text: names of its labels, records of where it leaves, and the
stubs by which it does."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

from lp_build.model.abi import SiteKind
from lp_build.projection.cfg import Analysis
from lp_build.projection.cfi import FrameRule
from lp_build.projection.fallback import Edits
from lp_build.projection.items import Cfi, Insn, Item, MarkerItem
from lp_build.projection.records import SiteRecord, Tables, check_rule
from lp_build.projection.stops import NotElite


@dataclass(frozen=True)
class Names:
    """Names of labels. prefix: of the form; function: what tells it from the unit's others."""

    prefix: str
    function: int

    def at(self, letter: str, position: int, more: str = "") -> str:
        """The label of what `letter` stands for, at item `position`."""
        return f".L{self.prefix}{letter}{self.function}_{position}{more}"

    def block(self, position: int) -> str:
        """Of the block that begins there."""
        return self.at("e", position)

    def entry(self, marker: MarkerItem) -> str:
        """Where the Fallback enters at this marker instance."""
        return f".L{self.prefix}n{marker.line}"


class Recorder(Protocol):
    """Whoever makes the records of one form's sites."""

    def record(self, position: int, kind: SiteKind, name: str, elite: str = "0") -> SiteRecord:
        """A record of the item at `position`; elite: where Elite may go on."""


@dataclass(frozen=True)
class ProgramSites:
    """Makes records of the program's own (struct lp_site), and labels in the Fallback's text."""

    analysis: Analysis
    names: Names
    tables: Tables
    edits: Edits

    def record(self, position: int, kind: SiteKind, name: str, elite: str = "0") -> SiteRecord:
        """See Recorder."""
        item = self.item(position)
        rule = self.analysis.rules[position]
        check_rule(rule)
        file, line = self.analysis.locations[position]
        if isinstance(item, MarkerItem):
            marker = self.analysis.context.markers[item.index]
            name, file, line = marker.site, marker.file, marker.line
        record = SiteRecord(
            label=f".L{self.names.prefix}d{len(self.tables.sites)}",
            fallback=self.fallback(position),
            rule=rule,
            name=name,
            file=file,
            line=line,
            kind=kind,
            elite=elite,
        )
        self.tables.sites.append(record)
        return record

    def fallback(self, position: int) -> str:
        """The Fallback's label at an item."""
        return self.edits.label_before(self.item(position).line)

    def fallback_behind(self, position: int) -> str:
        """The Fallback's label behind an item."""
        return self.edits.label_after(self.item(position).line)

    def item(self, position: int) -> Item:
        """The item at `position`; behind the last one, the end of the function's text."""
        function = self.analysis.function
        if position < len(function.items):
            return function.items[position]
        if function.size_line < 0:
            raise NotElite("the end of its text was not found")
        return Cfi(function.size_line, "cfi_endproc", ())

    def call_name(self, position: int, callee: str) -> str:
        """The name of a site at a call."""
        file, line = self.analysis.locations[position]
        name = self.analysis.function.name
        shown = self.analysis.context.shown_as.get(name, name)
        return f"{file}:{shown}:call@{line}:{callee}"


@dataclass(frozen=True)
class Stub:
    """It pushes its record and goes to `where`."""

    label: str
    record: str
    where: str


@dataclass
class Exits:
    """The stubs of one function, each made when it is first asked for. They stand in the function's
    frame, one rule after the other. leave: where a stub at a stop goes."""

    program: ProgramSites
    recorder: Recorder
    leave: str
    by_rule: dict[FrameRule, list[Stub]] = field(default_factory=dict)
    _at: dict[int, str] = field(default_factory=dict)

    @property
    def names(self) -> Names:
        """The form's."""
        return self.program.names

    @property
    def deopts(self) -> int:
        """How many places there are where Elite leaves at a stop."""
        return len(self._at)

    def stub(self, position: int) -> str:
        """The label of the stub that leaves Elite at item `position`."""
        if position not in self._at:
            item = self.program.item(position)
            if isinstance(item, MarkerItem):
                record = self.recorder.record(position, SiteKind.COLD, "")
            else:
                what = item.operands if isinstance(item, Insn) else type(item).__name__.lower()
                name = self.program.call_name(position, what)
                record = self.recorder.record(position, SiteKind.CALL, name)
            self._at[position] = self.names.at("x", position)
            self.add(self._at[position], record, self.leave)
        return self._at[position]

    def add(self, label: str, record: SiteRecord, where: str) -> None:
        """One more stub."""
        stub = Stub(label, record.label, where)
        self.by_rule.setdefault(record.rule.described(), []).append(stub)

    def target(self, label: str) -> str:
        """Where a jump to `label` goes in Elite: a block of its own, or a stub."""
        return self.block_or_stub(self.program.analysis.labels[label])

    def block_or_stub(self, position: int) -> str:
        """The same, for the block that begins at `position`."""
        left = self.program.analysis.left_at(position)
        return self.stub(left) if left is not None else self.names.block(position)

    def stubs(self) -> Iterator[tuple[FrameRule, list[Stub]]]:
        """All of them, in the order of their rules."""
        yield from self.by_rule.items()
