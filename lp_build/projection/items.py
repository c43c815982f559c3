# SPDX-License-Identifier: GPL-2.0-only
"""What a function's text consists of: items, each of which knows its line in the file."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Label:
    """A label definition."""

    line: int
    name: str


@dataclass(frozen=True)
class Insn:
    """One instruction; mnemonic without prefixes (`notrack`, `rep`, …), text as in the file."""

    line: int
    mnemonic: str
    operands: str
    text: str


@dataclass(frozen=True)
class InlineAsm:
    """One `asm` statement of the source: statements are its text, one each."""

    line: int
    statements: tuple[str, ...]


@dataclass(frozen=True)
class TlsCall(InlineAsm):
    """What finds a thread-local variable by calling `__tls_get_addr`: the linker must find all of
    it as it stands. symbol: the variable. local: it asks for the block that holds all of the
    program's, of which offsets are added (the local-dynamic model)."""

    symbol: str
    local: bool


@dataclass(frozen=True)
class MarkerItem:
    """An instance of a marker (see source.markers)."""

    line: int
    kind: str
    index: int


@dataclass(frozen=True)
class Cfi:
    """A `.cfi_*` directive: name without the dot, and its arguments."""

    line: int
    name: str
    arguments: tuple[str, ...]


@dataclass(frozen=True)
class Loc:
    """A `.loc` directive."""

    line: int
    file: int
    source_line: int
    column: int


@dataclass(frozen=True)
class Align:
    """A `.p2align` directive between instructions."""

    line: int
    text: str


@dataclass(frozen=True)
class Data:
    """A directive that places data among a function's instructions."""

    line: int
    text: str


Item = Label | Insn | InlineAsm | MarkerItem | Cfi | Loc | Align | Data

PREFIXES = frozenset(
    "notrack bnd rep repz repnz repe repne lock data16 addr32 cs ds es ss fs gs rex64".split()
)


def parse_instruction(line: int, text: str) -> Insn:
    """One instruction with its prefixes taken off."""
    rest = text.strip()
    while True:
        mnemonic, *more = rest.split(None, 1)
        operands = more[0] if more else ""
        if operands and (mnemonic in PREFIXES or mnemonic.startswith("{")):
            rest = operands
            continue
        return Insn(line, mnemonic, operands, text.strip())
