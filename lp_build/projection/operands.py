# SPDX-License-Identifier: GPL-2.0-only
"""The operands of one x86-64 instruction as text: registers, and addresses of memory.

AT&T syntax as gcc and clang write it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from lp_build.projection.items import Insn

_WIDE = ("ax", "bx", "cx", "dx", "si", "di", "bp", "sp")
_MEMORY = re.compile(
    r"^(?:%(?P<segment>[defgs]s):)?(?P<disp>[^()%]*)"
    r"(?:\((?P<base>%\w+)?(?:,\s*(?P<index>%\w+))?(?:,\s*(?P<scale>\d))?\))?$"
)
_NUMBER = re.compile(r"^[-+]?(?:0x[0-9a-fA-F]+|\d+)?$")

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


def parse_memory(operand: str) -> Memory | None:
    """An operand as an address, `*` before it or not; None for a register or a constant."""
    text = operand.lstrip("*")
    if text.startswith("$") or is_register(text):
        return None
    match = _MEMORY.match(text)
    if match is None:
        return None
    base, index = match["base"] or "", match["index"] or ""
    return Memory(
        text,
        wide(base[1:]) if base else "",
        wide(index[1:]) if index else "",
        int(match["scale"] or 1),
        match["disp"].strip(),
        match["segment"] or "",
    )
