# SPDX-License-Identifier: GPL-2.0-only
"""Instructions that see or leave their frame: Elite must not, since its return addresses are its
own, and since a deopt has to find the frames below."""

from __future__ import annotations

import re
from collections.abc import Sequence

from lp_build.projection.cfi import NAMES, RETURN_ADDRESS, FrameRule
from lp_build.projection.effects import memory_of, written
from lp_build.projection.instructions import Flow, flow_of
from lp_build.projection.items import InlineAsm, Insn, Item, Label, parse_instruction
from lp_build.projection.operands import operands_of
from lp_build.projection.stops import Reason, StopKind

_POPS = frozenset(("pop", "popq", "leave", "leaveq"))
# How a frame without a frame pointer grows and shrinks.
_ADJUSTS = re.compile(
    r"^(?:(?:add|sub|and)q?\s+\$[-+\w]+,|lea?q?\s+[-+\w]*\(%rsp\),|movq?\s+%rbp,)\s*%rsp$"
)


def frame_problem(
    items: Sequence[Item], position: int, insn: Insn, rule: FrameRule, *, looked_at: bool
) -> Reason | None:
    """Why instruction `insn`, which is or is of item `position`, can't run in Elite; None: it can.
    looked_at: its source line is one that sees a caller's frame."""
    if rule.problem:
        return None  # no record can be made here, and so no deopt
    if looked_at:
        return Reason(StopKind.FRAME_IS_LOOKED_AT)
    register = NAMES.get(rule.register, "")
    memory = memory_of(insn)
    if (
        memory is not None
        and (memory.base, memory.index) == (register, "")
        and memory.number == rule.offset + RETURN_ADDRESS
    ):
        return Reason(StopKind.RETURN_ADDRESS_IS_READ)
    changed = written(insn) or frozenset()
    if "rbp" in changed and register == "rbp" and insn.mnemonic not in _POPS:
        return Reason(StopKind.FRAME_POINTER_IS_REPLACED)
    if "rsp" in changed and operands_of(insn)[-1:] == ["%rsp"]:
        if register == "rsp" and not _ADJUSTS.match(insn.text):
            return Reason(StopKind.STACK_POINTER_IS_REPLACED)
        if register != "rsp" and _leaves_frame(items[position + 1 :]):
            return Reason(StopKind.STACK_POINTER_IS_REPLACED)
    return None


def asm_frame_problem(
    items: Sequence[Item], position: int, item: InlineAsm, rule: FrameRule, *, looked_at: bool
) -> str:
    """The same of an asm statement, as text; "" for none."""
    for statement in item.statements:
        code = statement.rpartition(":")[2].strip()
        if code and not code.startswith("."):
            insn = parse_instruction(item.line, code)
            problem = frame_problem(items, position, insn, rule, looked_at=looked_at)
            if problem:
                return f"says that {problem}"
    return ""


def _leaves_frame(following: Sequence[Item]) -> bool:
    """Whether what follows a change of %rsp goes to another frame, as `__builtin_longjmp` does,
    before it can branch otherwise."""
    for item in following:
        if isinstance(item, Label):
            return False
        if isinstance(item, Insn):
            flow = flow_of(item.mnemonic)
            if flow is Flow.JUMP:
                return item.operands.startswith("*")
            if flow in (Flow.CALL, Flow.RETURN, Flow.BRANCH):
                return False
            if "rbp" in (written(item) or ()) and item.mnemonic not in _POPS:
                return True
    return False
