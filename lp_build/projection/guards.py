# SPDX-License-Identifier: GPL-2.0-only
"""Checks that the kernel form makes before it goes on: that a pointer lies in the user half, that
there is stack left, and that the budget is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from lp_build.model.abi import SiteKind
from lp_build.projection.cfg import Analysis
from lp_build.projection.cfi import RBP
from lp_build.projection.effects import (
    is_string,
    loads_only_into,
    memory_of,
    string_pointers,
    written,
)
from lp_build.projection.items import Insn
from lp_build.projection.kernel_places import KernelPlaces
from lp_build.projection.operands import Memory

# Below the stack limit lies room for one frame, and for what exceptions push (kernel/README.md).
FRAME_MAX = 2048
# Below zero by no more than this is below the first page: nothing is mapped there.
_NEAR = 4096


@dataclass
class Guards:
    """Those of one function. Registers that were looked at are not looked at again, as long as
    straight text follows."""

    analysis: Analysis
    places: KernelPlaces
    leave: str
    _checked: set[str] = field(default_factory=set)

    def forget(self) -> None:
        """Other text may have come before what follows."""
        self._checked.clear()

    def behind(self, insn: Insn) -> None:
        """What follows comes behind `insn`."""
        changed = written(insn)
        if changed is None:
            self.forget()
        else:
            self._checked -= changed

    # -- pointers -----------------------------------------------------------------------------

    def keep_to_user_half(self, position: int, insn: Insn) -> Iterator[str]:
        """Deopt before an access that would reach into the kernel's half.

        Addresses between the halves fault by themselves, and so does the last page below zero.
        """
        memory = memory_of(insn)
        if memory is None:
            if is_string(insn):
                for register in string_pointers(insn):
                    yield from self._look_at(position, register)
            return
        if memory.segment or memory.base == "rip" or not (memory.base or memory.index):
            return
        if not memory.index:
            framed = self.analysis.rules[position].register == RBP
            if memory.base == "rsp" or (memory.base == "rbp" and framed):
                return
            if memory.number is not None and memory.number >= -_NEAR:
                yield from self._look_at(position, memory.base)
                return
        yield from self._look_at_sum(position, insn, memory)

    def _look_at(self, position: int, register: str) -> Iterator[str]:
        if register not in self._checked:
            self._checked.add(register)
            yield from self._test(position, f"%{register}", self.analysis.flags_live(position))

    def _test(self, position: int, register: str, flags: bool) -> Iterator[str]:
        stub = self.places.leave_by(self.leave, position, restore="\tpopfq" if flags else "")
        yield from ["\tpushfq"] if flags else []
        yield from (f"\ttestq {register}, {register}", f"\tjs {stub}")
        yield from ["\tpopfq"] if flags else []

    def _look_at_sum(self, position: int, insn: Insn, memory: Memory) -> Iterator[str]:
        flags = self.analysis.flags_live(position)
        free = loads_only_into(insn)
        if free and free not in (memory.base, memory.index):
            # What the load overwrites is free until then, on both sides.
            yield f"\tleaq {memory.text}, %{free}"
            yield from self._test(position, f"%{free}", flags)
            return
        scratch = next(r for r in ("rax", "rcx", "rdx") if r not in (memory.base, memory.index))
        stub = self.places.leave_by(self.leave, position, restore="\tpopfq" if flags else "")
        yield from ["\tpushfq"] if flags else []
        yield f"\tpushq %{scratch}"
        yield f"\tleaq {memory.below(16 if flags else 8)}, %{scratch}"
        yield f"\ttestq %{scratch}, %{scratch}"
        yield f"\tpopq %{scratch}"
        yield f"\tjs {stub}"
        yield from ["\tpopfq"] if flags else []

    # -- stack and budget ---------------------------------------------------------------------

    def look_at_stack(self, position: int) -> Iterator[str]:
        """%r11 and the flags are dead at a function's entry."""
        limit, pointer = "%fs:lp_kernel_limit@tpoff", "%rsp"
        file, _ = self.analysis.locations[position]
        name = f"{file}:{self.analysis.function.name}:stack"
        record = self.places.record(position, SiteKind.ENTRY, name)
        stub = self.places.name("z", position)
        self.places.add_stub(stub, record.label, self.leave)
        if self.analysis.frame_size > FRAME_MAX:
            yield f"\tleaq -{self.analysis.frame_size}(%rsp), %r11"
            pointer = "%r11"
        yield from self.places.may_fault(position, f"cmpq {limit}, {pointer}")
        yield f"\tjb {stub}"

    def spend_budget(self, position: int) -> Iterator[str]:
        """One round less; none left is the driver's to see."""
        spend = "subq $1, %fs:lp_kernel_budget@tpoff"
        again, on = self.places.name("a", position), self.places.name("b", position)
        yield f"{again}:"
        if self.analysis.flags_live(position):
            stub = self.places.leave_by("lp_k_budget", position, on, "\tpopfq")
            fault = self.places.leave_by("lp_k_fault", position, again, "\tpopfq")
            place = self.places.name("m", position)
            self.places.tables.fixups.append((place, fault))
            yield from ("\tpushfq", f"{place}:", f"\t{spend}", f"\tjs {stub}", "\tpopfq")
        else:
            stub = self.places.leave_by("lp_k_budget", position, on)
            yield from [*self.places.may_fault(position, spend), f"\tjs {stub}"]
        yield f"{on}:"
