# SPDX-License-Identifier: GPL-2.0-only
"""What one instruction of the compiler's touches: the table's row, applied to its operands.

What the table lacks is taken to read all flags and to write everything: callers then do the slower,
safe thing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from lp_build.projection.instructions import (
    ALL_FLAGS,
    FLAGS,
    SHIFTS,
    Flow,
    Instruction,
    Trap,
    row_of,
)
from lp_build.projection.items import Insn
from lp_build.projection.operands import (
    GENERAL,
    Memory,
    is_register,
    operands_of,
    parse_memory,
    wide,
)

_SHIFT = re.compile(rf"^(?:{'|'.join(SHIFTS.split())})[bwlq]?$")
_EXTENDS = Instruction("w")  # `movsw %ax, %ecx`
_BY_NAME = frozenset((Flow.JUMP, Flow.BRANCH, Flow.CALL))


def effect_of(insn: Insn) -> Instruction | None:
    """The row of an instruction, as its operands make it; None for one that has none."""
    row = row_of(insn.mnemonic)
    if row is None:
        return None
    if row.string and insn.mnemonic.startswith("movs") and _has_register(insn):
        return _EXTENDS
    if insn.mnemonic.startswith("imul"):
        count = len(operands_of(insn))
        if count == 1:
            return replace(row, operands="r", changes=("rax", "rdx"), uses=("rax",))
        return replace(row, operands="w") if count == 3 else row
    if _SHIFT.match(insn.mnemonic) and _shifts_surely(insn, operands_of(insn)):
        return replace(row, ends=FLAGS)
    return row


def _has_register(insn: Insn) -> bool:
    return any(map(is_register, operands_of(insn)))


def _shifts_surely(insn: Insn, operands: list[str]) -> bool:
    """Whether a shift is by one, or by a constant that isn't zero: that one leaves the flags."""
    if len(operands) == 1:
        return True
    count = operands[0].removeprefix("$")
    used = 63 if insn.mnemonic.endswith("q") else 31
    return operands[0] != count and count.isdigit() and int(count) & used != 0


def _accesses(insn: Insn, row: Instruction) -> Iterator[tuple[str, str]]:
    """Its operands with their letters; those of string instructions are implied, though clang
    writes them out."""
    operands = [] if row.string else operands_of(insn)
    letters = row.operands.rjust(len(operands), "r")
    return zip(operands, letters[len(letters) - len(operands) :], strict=True)


def is_string(insn: Insn) -> bool:
    """Whether it is a string instruction (`movsq`, `stosb`…)."""
    row = effect_of(insn)
    return row is not None and bool(row.string)


def string_pointers(insn: Insn) -> tuple[str, ...]:
    """The registers that a string instruction's operands are at."""
    row = effect_of(insn)
    return row.string if row is not None else ()


def memory_of(insn: Insn) -> Memory | None:
    """The memory operand that the instruction accesses; None: none (implied ones don't count)."""
    access = memory_access(insn)
    return access[0] if access is not None else None


def memory_access(insn: Insn) -> tuple[Memory, str] | None:
    """The memory operand, and `r` where it is read, `w` where it is written, `x` for both, or where
    that is not known; None: none is accessed."""
    row = effect_of(insn)
    if row is None:
        found = (parse_memory(operand) for operand in operands_of(insn))
        return next(((memory, "x") for memory in found if memory is not None), None)
    if row.flow in _BY_NAME and not insn.operands.startswith("*"):
        return None
    for operand, letter in _accesses(insn, row):
        memory = parse_memory(operand) if letter != "a" else None
        if memory is not None:
            return memory, "w" if letter == "m" else letter
    return None


def may_divide_by_zero(insn: Insn) -> bool:
    """Whether it can raise a divide error."""
    row = effect_of(insn)
    return row is not None and row.trap is Trap.DIVIDE


def written(insn: Insn) -> frozenset[str] | None:
    """Registers that it may change, under their 64-bit names where they are parts; None: perhaps
    any."""
    row = effect_of(insn)
    if row is None or row.changes is None:
        return None
    found = (o for o, letter in _accesses(insn, row) if letter in "wxm" and is_register(o))
    return frozenset((*row.changes, *(wide(operand[1:]) for operand in found)))


def read(insn: Insn) -> frozenset[str] | None:
    """Registers whose value it may depend on, those of its addresses among them, under their 64-bit
    names where they are parts; None: perhaps any."""
    row = effect_of(insn)
    if row is None or row.flow is Flow.SYSTEM:
        return None
    found = set(row.uses)
    for operand, letter in _accesses(insn, row):
        memory = parse_memory(operand)
        if memory is not None:
            found |= {memory.base, memory.index} - {"", "rip", "riz"}
        elif letter != "w" and is_register(operand.lstrip("*")):
            found.add(wide(operand.lstrip("*")[1:]))
    return frozenset(found)


def loads_only_into(insn: Insn) -> str:
    """The 64-bit general register that a plain load from memory overwrites without reading it, or
    ""."""
    row = effect_of(insn)
    operands = operands_of(insn)
    if row is None or not row.moves or len(operands) != 2 or not is_register(operands[1]):
        return ""
    name = operands[1][1:]
    # Writing the low 32 bits clears the others; 8 and 16 bits leave them.
    whole = wide(name) == name or name.endswith("d") or (name[0] == "e" and len(name) == 3)
    return wide(name) if whole and wide(name) in GENERAL else ""


def flags_of(insn: Insn) -> tuple[frozenset[str], frozenset[str]]:
    """(the flags that it may read, those that it surely overwrites)."""
    row = effect_of(insn)
    if row is None:
        return ALL_FLAGS, frozenset()
    return frozenset(row.reads), frozenset(row.ends)
