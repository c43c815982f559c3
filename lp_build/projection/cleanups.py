# SPDX-License-Identifier: GPL-2.0-only
"""What unwinds one function's Elite copy: its frames' directives, and its table of cleanups."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from lp_build.projection.cfg import Analysis
from lp_build.projection.cfi import CfiError, FrameRule, directives
from lp_build.projection.items import Cfi
from lp_build.projection.places import Names
from lp_build.projection.records import check_rule
from lp_build.projection.unwinding import Region, regions_of, table


@dataclass
class Frames:
    """The call-frame information of a text that is written from its beginning to its end."""

    rules: Sequence[FrameRule]
    _state: FrameRule = field(default_factory=FrameRule)

    def reach(self, position: int) -> list[str]:
        """Directives that bring in force what holds at an item. Raises CfiError."""
        check_rule(self.rules[position])
        return self.change(self.rules[position].described())

    def change(self, rule: FrameRule) -> list[str]:
        """Directives that bring `rule` in force."""
        before, self._state = self._state, rule
        return directives(before, rule)


@dataclass
class Cleanups:
    """The cleanups of a function, whose landing pads are the Fallback's."""

    analysis: Analysis
    names: Names
    _covered: list[Region] = field(default_factory=list)

    @cached_property
    def pads(self) -> dict[int, str]:
        """The landing pads of items that have one, by position: labels of the Fallback."""
        labels = self.analysis.labels
        pads: dict[int, str] = {}
        for item in self.analysis.items:
            if not (isinstance(item, Cfi) and item.name == "cfi_lsda" and len(item.arguments) > 1):
                continue
            for region in regions_of(self.analysis.context.file.lines, item.arguments[1]):
                if region.start not in labels or region.end not in labels:
                    raise CfiError("a table of exceptions for another function's text")
                for position in range(labels[region.start], labels[region.end]):
                    pads[position] = region.pad
        return pads

    def pad(self, position: int) -> str:
        """The landing pad of an item; "" for none."""
        return self.pads.get(position, "")

    def covered(self, text: Sequence[str], pad: str) -> list[str]:
        """`text`, which goes on at the Fallback's `pad` when it is unwound ("": it does not)."""
        if not pad:
            return list(text)
        name = f".L{self.names.prefix}u{self.names.function}_{len(self._covered)}"
        self._covered.append(Region(f"{name}_b", f"{name}_e", pad))
        return [f"{name}_b:", *text, f"{name}_e:"]

    def table(self, symbol: str) -> tuple[list[str], list[str]]:
        """(directives at the head of function `symbol` that name the table, the table)."""
        if not self._covered:
            return [], []
        label = f".L{self.names.prefix}v{self.names.function}"
        personality = ", ".join(next(self._personalities()))
        return (
            [f"\t.cfi_personality {personality}", f"\t.cfi_lsda 0x3, {label}"],
            table(label, symbol, self._covered),
        )

    def _personalities(self) -> Iterator[tuple[str, ...]]:
        for item in self.analysis.items:
            if isinstance(item, Cfi) and item.name == "cfi_personality":
                yield item.arguments
