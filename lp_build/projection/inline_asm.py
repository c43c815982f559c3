# SPDX-License-Identifier: GPL-2.0-only
"""What the `asm` statements of a source may not do in Elite, and where they jump."""

from __future__ import annotations

import re

from lp_build.projection.instructions import Flow, flow_of, is_branch
from lp_build.projection.items import InlineAsm, TlsCall, parse_instruction

LOCAL_LABEL = re.compile(r"\.L[\w.$]+")
# What differs in Elite: its own text's addresses, relative to itself.
_OWN_ADDRESS = re.compile(r"(?:^|[\s,$*])(?:\d+[bf]\b|[-+\d]*\(%rip\)|\.(?:[-+]\d+)?(?=[\s,(]|$))")
_LABEL = re.compile(r"^\s*([\w.$]+)\s*:\s*(.*)$", re.S)
_DIRECTIVES = (".byte", ".p2align", ".balign", ".align", ".nop", ".nops")
_LEAVES = (Flow.CALL, Flow.RETURN, Flow.SYSTEM)


def asm_problem(item: InlineAsm) -> str:
    """Why an asm statement can't be copied into Elite ("" if it can)."""
    if isinstance(item, TlsCall):
        return ""
    for statement in item.statements:
        text = statement
        while True:
            label = _LABEL.match(text)
            if not label:
                break
            if not label.group(1).isdigit():
                return f"defines label {label.group(1)}"
            text = label.group(2)
        if not text:
            continue
        word = text.split()[0]
        if word.startswith("."):
            if word not in _DIRECTIVES:
                return f"has directive {word}"
            continue
        insn = parse_instruction(0, text)
        if flow_of(insn.mnemonic) in _LEAVES:
            return f"has instruction {insn.mnemonic}"
        if _OWN_ADDRESS.search(insn.operands) and not is_branch(insn.mnemonic):
            return "names its own address"
        if is_branch(insn.mnemonic):
            target = insn.operands
            if not (re.fullmatch(r"\d+[bf]", target) or target.startswith(".L")):
                return f"jumps to {target}"
    return ""


def asm_targets(item: InlineAsm) -> tuple[str, ...]:
    """The labels of the function that an asm statement may jump to."""
    found: list[str] = []
    for statement in item.statements:
        insn = parse_instruction(0, statement.rpartition(":")[2] or "nop")
        if is_branch(insn.mnemonic):
            found += LOCAL_LABEL.findall(insn.operands)
    return tuple(found)
