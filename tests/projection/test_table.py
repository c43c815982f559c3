# SPDX-License-Identifier: GPL-2.0-only
"""The decoder finds a row of the table that lies, whatever it lies about."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from lp_build.projection import instructions
from lp_build.projection.instructions import INSTRUCTIONS, Flow, Instruction
from tests.projection.decoder import complaints, decoded

LIES = {
    "an operand that is written is called read": (
        "addq %rax, %rbx",
        {"operands": "r"},
        "changes %rbx",
    ),
    "an operand that is read is called written": ("addq %rax, %rbx", {"operands": "w"}, "reads"),
    "an operand that is overwritten is called read": (
        "movq %rax, %rbx",
        {"operands": "x"},
        "doesn't read %rbx",
    ),
    "a register that it changes is left out": ("mulq %rbx", {"changes": ("rax",)}, "changes %rdx"),
    "a register that it leaves is told": ("mulq %rbx", {"changes": ("rax", "rdx", "rsi")}, "%rsi"),
    "a register that it needs is left out": ("divq %rbx", {"uses": ("rax",)}, "reads %rdx"),
    "a register that it does not need is told": ("mulq %rbx", {"uses": ("rax", "rdx")}, "%rdx"),
    "a vector register that it changes is left out": (
        "addps %xmm1, %xmm2",
        {"operands": "r"},
        "changes %xmm2",
    ),
    "a flag that it reads is left out": ("adcq %rax, %rbx", {"reads": ""}, "reads CF"),
    "a flag that it leaves is told": ("incq %rax", {"ends": "CPAZSO"}, "leaves CF"),
    "memory that it writes is called read": (
        "addq %rax, (%rbx)",
        {"operands": "r"},
        "whether it is written",
    ),
    "memory that it overwrites is called read": (
        "movq %rax, (%rbx)",
        {"operands": "x"},
        "whether it is read",
    ),
    "memory that it accesses is called an address": (
        "movq (%rbx), %rax",
        {"operands": "aw"},
        "accesses memory",
    ),
    "a string's pointer is left out": ("movsb", {"string": ("rsi",)}, "accesses memory at %rdi"),
    "a jump is called straight": ("jmp *%rax", {"flow": Flow.NEXT}, "goes on otherwise"),
    "a conditional jump is called straight": (
        "je 1f\n1:",
        {"flow": Flow.NEXT},
        "goes on otherwise",
    ),
    "what adds is called a move": ("addq (%rbx), %rax", {"moves": True}, "reads %rax"),
    "the kernel may run what is privileged": ("sysretq", {"kernel": True}, "privileged"),
}


@pytest.mark.parametrize("lie", LIES)
def test_lie_is_found(lie: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text, change, complaint = LIES[lie]
    pairs = decoded([text], "gcc", tmp_path)
    assert complaints(pairs) == []
    mnemonic = pairs[0][0].mnemonic
    rows: dict[str, Instruction] = dict(INSTRUCTIONS)
    rows[mnemonic] = replace(rows[mnemonic], **change)  # type: ignore[arg-type]
    monkeypatch.setattr(instructions, "INSTRUCTIONS", rows)
    found = complaints(pairs)
    assert any(complaint in text for text in found), found
