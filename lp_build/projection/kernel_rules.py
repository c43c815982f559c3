# SPDX-License-Identifier: GPL-2.0-only
"""What the kernel form can't run: then it is a deopt before it."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from lp_build.projection.cfg import Ability, Context
from lp_build.projection.effects import effect_of, memory_of
from lp_build.projection.instructions import Flow, Trap
from lp_build.projection.items import InlineAsm, Insn, TlsCall, parse_instruction
from lp_build.projection.operands import is_register, operands_of
from lp_build.projection.stops import Callee, Reason, StopKind

_BEYOND_SSE = re.compile(r"%[yz]mm|%k\d|%st\b|%mm\d")
_INDIRECTLY_NAMED = re.compile(r"@(?:GOTPCREL|gottpoff|tlsgd|tlsld|tlsdesc|tlscall|GOT|PLT)", re.I)
_BIT_STRING = re.compile(r"^bt[src]?[wlq]?$")
# Registers that are not the thread's alone: segments (not as a prefix), control, debug.
_OTHER_REGISTER = re.compile(r"%(?:[cdefgs]s(?!:)\b|[cdt]r\d+|bnd\d)")
_HARMLESS_ASM = frozenset(("", "pause", "rep nop", "rep; nop", "nop", "lfence", "mfence", "sfence"))


def kernel_ability(
    context: Context,
    resolve: Callable[[str], Callee],
    observed: Callable[[str, int], Sequence[tuple[str, Callee]]],
) -> Ability:
    """What the kernel form can do in a unit."""
    return Ability(
        resolve=resolve,
        observed=observed,
        instruction=problem_of,
        asm=lambda item: _asm_problem(context, item),
        conditional_tail_calls=False,
        any_target=False,
    )


def problem_of(insn: Insn) -> Reason | None:
    """Why an instruction can't run in the kernel; None: it can."""
    mnemonic, operands = insn.mnemonic, insn.operands
    row = effect_of(insn)
    if row is not None and row.trap is Trap.ALWAYS:
        return Reason(StopKind.MNEMONIC, mnemonic)
    if _BEYOND_SSE.search(operands) or (mnemonic[0] == "v" and row is None):
        return Reason(StopKind.BEYOND_SSE)
    if mnemonic[0] == "f":
        return Reason(StopKind.X87)
    if row is None or not row.kernel:
        return Reason(StopKind.INSTRUCTION, mnemonic)
    other = _OTHER_REGISTER.search(operands)
    if other:
        return Reason(StopKind.REGISTER, other.group())
    if _INDIRECTLY_NAMED.search(operands) and row.flow not in (Flow.CALL, Flow.JUMP):
        return Reason(StopKind.GLOBAL_OFFSET_TABLE)
    return _memory_problem(insn) or _stack_problem(insn)


def _memory_problem(insn: Insn) -> Reason | None:
    memory = memory_of(insn)
    if memory is None:
        return None
    if memory.segment == "gs" or (memory.segment and (memory.base or memory.index)):
        return Reason(StopKind.SEGMENT, memory.segment)
    if _BIT_STRING.match(insn.mnemonic) and is_register(operands_of(insn)[0]):
        return Reason(StopKind.BIT_STRING)
    if insn.mnemonic in ("movabsq", "movabs"):
        return Reason(StopKind.WIDE_ADDRESS)
    return None


def _stack_problem(insn: Insn) -> Reason | None:
    parts = operands_of(insn)
    if len(parts) == 2 and parts[1] == "%rsp" and is_register(parts[0]) and parts[0] != "%rbp":
        return Reason(StopKind.GROWING_STACK)
    return None


def is_system_call(context: Context, item: InlineAsm) -> bool:
    """Whether it is one that the driver makes."""
    return context.forms and item.statements == ("syscall",)


def _asm_problem(context: Context, item: InlineAsm) -> str:
    if is_system_call(context, item):
        return ""
    if isinstance(item, TlsCall):
        known = item.local or context.file.defines(item.symbol)
        return "" if known else "finds another unit's thread-local variable"
    if all(statement in _HARMLESS_ASM for statement in item.statements):
        return ""
    if context.forms and len(item.statements) == 1:
        return str(problem_of(parse_instruction(item.line, item.statements[0])) or "")
    return "may do what a kernel must not"
