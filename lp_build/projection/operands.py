# SPDX-License-Identifier: GPL-2.0-only
"""What one x86-64 instruction of the compiler's touches: memory, flags, registers.

AT&T syntax as gcc and clang write it. Source: Intel SDM volume 2 (which flags and registers an
instruction reads and writes). What instructions.py does not know is taken to read all flags and to
write everything: callers then do the slower, safe thing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from lp_build.projection.assembly import Insn
from lp_build.projection.instructions import ALL_FLAGS, EFFECTS, SHIFTS, Effect, Writes

_WIDE = ("ax", "bx", "cx", "dx", "si", "di", "bp", "sp")
_MEMORY = re.compile(
    r"^(?:%(?P<segment>[defgs]s):)?(?P<disp>[^()%]*)"
    r"(?:\((?P<base>%\w+)?(?:,\s*(?P<index>%\w+))?(?:,\s*(?P<scale>\d))?\))?$"
)
_NUMBER = re.compile(r"^[-+]?(?:0x[0-9a-fA-F]+|\d+)?$")
_STRING = re.compile(r"^(?:movs|stos|lods|cmps|scas)[bwlq]?$")
_BRANCH = re.compile(r"^(?:callq?|j\w+|loop\w*|xbegin)$")
_SHIFT = re.compile(rf"^(?:{'|'.join(SHIFTS.split())})[bwlq]?$")
# What these do depends on their operands.
_BY_OPERANDS = re.compile(rf"{_SHIFT.pattern}|^(?:imul|movs)[bwlq]?$")
_PLAIN_LOAD = re.compile(r"^mov(?:[lq]|abs|z[bw][wlq]|s[bw][wlq]|slq)?$")
_NO_ACCESS = re.compile(r"^(?:lea[wlq]?|nop[wlq]?|prefetch\w*|endbr64)$")

GENERAL = frozenset((*(f"r{name}" for name in _WIDE), *(f"r{number}" for number in range(8, 16))))


@dataclass(frozen=True)
class Memory:
    """A memory operand. base, index: 64-bit register names without `%`, "" for none; disp: the
    displacement's text (numbers, symbols); segment: "fs", "gs" or ""."""

    text: str
    base: str
    index: str
    scale: int
    disp: str
    segment: str

    @property
    def number(self) -> int | None:
        """The displacement, where it is a number (0 for none)."""
        return int(self.disp, 0) if _NUMBER.match(self.disp) and self.disp else _empty(self.disp)

    def below(self, depth: int) -> str:
        """The operand's text where %rsp has become lower by `depth` bytes."""
        if self.base != "rsp" or not depth:
            return self.text
        return self.text.replace(f"{self.disp}(", f"{depth}+{self.disp or '0'}(", 1)


def _empty(disp: str) -> int | None:
    return 0 if not disp else None


def operands_of(insn: Insn) -> list[str]:
    """The operands, split at commas outside of parentheses."""
    parts: list[str] = []
    depth, begin = 0, 0
    text = insn.operands
    for position, character in enumerate(text):
        if character in "()":
            depth += 1 if character == "(" else -1
        elif character == "," and not depth:
            parts.append(text[begin:position].strip())
            begin = position + 1
    if text.strip():
        parts.append(text[begin:].strip())
    return parts


def wide(name: str) -> str:
    """The 64-bit register that `name` (without `%`) is a part of: "al" gives "rax"."""
    if name.startswith("r") and len(name) > 1 and name[1].isdigit():
        return name.rstrip("dwbl")
    if name[0] in "re" and name[1:] in _WIDE:
        return f"r{name[1:]}"
    if name in _WIDE:
        return f"r{name}"
    if len(name) == 2 and name[1] in "lh" and name[0] in "abcd":
        return f"r{name[0]}x"
    if name in ("sil", "dil", "bpl", "spl"):
        return f"r{name[:2]}"
    return name


def is_register(operand: str) -> bool:
    """Whether an operand is a register, whole (not `%fs:0`)."""
    return operand.startswith("%") and ":" not in operand and "(" not in operand


def is_string(insn: Insn) -> bool:
    """Whether it is a string instruction (`movsq`, `stosb`…), which has its operands implied; clang
    writes them all the same."""
    if not _STRING.match(insn.mnemonic):
        return False
    extends = insn.mnemonic.startswith("movs") and any(map(is_register, operands_of(insn)))
    return not extends


def string_pointers(insn: Insn) -> tuple[str, ...]:
    """The registers that a string instruction's operands are at."""
    source, target = ("rsi",), ("rdi",)
    match insn.mnemonic[:4]:
        case "lods":
            return source
        case "stos" | "scas":
            return target
    return (*source, *target)


def memory_of(insn: Insn) -> Memory | None:
    """The memory operand that the instruction accesses; None: none (implied ones don't count)."""
    if _NO_ACCESS.match(insn.mnemonic) or is_string(insn):
        return None
    if _BRANCH.match(insn.mnemonic) and not insn.operands.startswith("*"):
        return None
    for operand in operands_of(insn):
        text = operand.lstrip("*")
        if text.startswith("$") or is_register(text):
            continue
        match = _MEMORY.match(text)
        if match is None:
            continue
        base, index = match["base"] or "", match["index"] or ""
        return Memory(
            text,
            wide(base[1:]) if base else "",
            wide(index[1:]) if index else "",
            int(match["scale"] or 1),
            match["disp"].strip(),
            match["segment"] or "",
        )
    return None


def may_divide_by_zero(insn: Insn) -> bool:
    """Whether it can raise a divide error."""
    return bool(re.match(r"^i?div[bwlq]?$", insn.mnemonic))


def effect_of(insn: Insn) -> Effect | None:
    """What an instruction does; None for one that is not known."""
    effect = EFFECTS.get(insn.mnemonic)
    if effect is None or not _BY_OPERANDS.match(insn.mnemonic):
        return effect
    operands = operands_of(insn)
    if _STRING.match(insn.mnemonic) and not is_string(insn):
        return Effect()  # `movsw %ax, …` extends
    if insn.mnemonic.startswith("imul") and len(operands) == 1:
        return replace(effect, writes=Writes.NONE, changes=("rax", "rdx"))
    if _SHIFT.match(insn.mnemonic) and _shifts_surely(insn, operands):
        return replace(effect, ends="CPAZSO")
    return effect


def _shifts_surely(insn: Insn, operands: list[str]) -> bool:
    """Whether a shift is by one, or by a constant that isn't zero: that one leaves the flags."""
    if len(operands) == 1:
        return True
    count = operands[0].removeprefix("$")
    used = 63 if insn.mnemonic.endswith("q") else 31
    return operands[0] != count and count.isdigit() and int(count) & used != 0


def written(insn: Insn) -> frozenset[str] | None:
    """Registers that it may change, under their 64-bit names where they are parts; None: perhaps
    any."""
    effect = effect_of(insn)
    if effect is None or insn.mnemonic in ("call", "callq"):
        return None
    count = {Writes.NONE: 0, Writes.LAST: 1, Writes.LAST_TWO: 2, Writes.ALL: 9}[effect.writes]
    operands = operands_of(insn)[-count:] if count and not is_string(insn) else []
    return frozenset((*effect.changes, *(wide(o[1:]) for o in operands if is_register(o))))


def loads_only_into(insn: Insn) -> str:
    """The 64-bit general register that a plain load from memory overwrites without reading it, or
    ""."""
    operands = operands_of(insn)
    if len(operands) != 2 or not is_register(operands[1]):
        return ""
    if not _PLAIN_LOAD.match(insn.mnemonic):
        return ""
    name = operands[1][1:]
    # Writing the low 32 bits clears the others; 8 and 16 bits leave them.
    whole = wide(name) == name or name.endswith("d") or (name[0] == "e" and len(name) == 3)
    return wide(name) if whole and wide(name) in GENERAL else ""


def flags_of(insn: Insn) -> tuple[frozenset[str], frozenset[str]]:
    """(the flags that it may read, those that it surely overwrites)."""
    effect = effect_of(insn)
    if effect is None:
        return ALL_FLAGS, frozenset()
    return frozenset(effect.reads), frozenset(effect.ends)
