# SPDX-License-Identifier: GPL-2.0-only
"""Which flags live at each item of a function: backward data flow over all of its text.

Conservative: where a jump's targets are not known, all flags live.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from lp_build.projection.effects import flags_of
from lp_build.projection.instructions import ALL_FLAGS
from lp_build.projection.items import Data, InlineAsm, Insn, Item, MarkerItem

_BITS = {flag: 1 << number for number, flag in enumerate(sorted(ALL_FLAGS))}
_ALL = (1 << len(_BITS)) - 1


@dataclass(frozen=True)
class Ways:
    """Where an instruction goes on: items that it may jump to, whether the next one too, and
    whether anywhere else in the function."""

    targets: tuple[int, ...] = ()
    falls: bool = True
    unknown: bool = False


def _mask(flags: frozenset[str]) -> int:
    return sum(_BITS[flag] for flag in flags)


def flags_live(items: Sequence[Item], ways: Callable[[int, Insn], Ways | None]) -> list[bool]:
    """Whether some flag lives before each item. ways: of the instruction at a position; None: it
    just goes on to the next one."""
    gen: dict[int, int] = {}
    keep: dict[int, int] = {}
    flow: dict[int, Ways] = {}
    for position, item in enumerate(items):
        if isinstance(item, (InlineAsm, MarkerItem)):
            # Each asm statement changes the flags and reads none, for all that compilers know.
            gen[position], keep[position] = 0, 0
        elif isinstance(item, Data):
            gen[position], keep[position] = _ALL, 0
        elif isinstance(item, Insn):
            reads, ends = flags_of(item)
            gen[position], keep[position] = _mask(reads), _ALL & ~_mask(ends)
            there = ways(position, item)
            if there is not None:
                flow[position] = there
    live = [0] * len(items) + [_ALL]
    changed = True
    while changed:
        changed = False
        for position in range(len(items) - 1, -1, -1):
            after = live[position + 1]
            there = flow.get(position)
            if there is not None:
                after = (after if there.falls else 0) | (_ALL if there.unknown else 0)
                for target in there.targets:
                    after |= live[target]
            if position in gen:
                after = gen[position] | (after & keep[position])
            if after != live[position]:
                live[position] = after
                changed = True
    return [bool(flags) for flags in live]
