# SPDX-License-Identifier: GPL-2.0-only
"""Call frame information: the rule for a frame at each item, from the `.cfi_*` directives.

Source: GNU as manual, "CFI directives"; DWARF 5 section 6.4; System V psABI AMD64, figure 3.36
for register numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from lp_build.projection.items import Cfi, Item

RBX, RBP, RSP = 3, 6, 7
RETURN_ADDRESS = -8  # from the CFA
CALLEE_SAVED = (RBX, RBP, 12, 13, 14, 15)  # the order of enum lp_saved_register in lp_abi.h
_NUMBERS = {
    name: number
    for number, name in enumerate(
        "rax rdx rcx rbx rsi rdi rbp rsp r8 r9 r10 r11 r12 r13 r14 r15 rip".split()
    )
}
NAMES = {number: name for name, number in _NUMBERS.items()}


class CfiError(Exception):
    """A frame that the tables cannot describe."""


@dataclass(frozen=True)
class FrameRule:
    """The CFA is register + offset (bytes); saved: (register, offset from the CFA), sorted.

    A `problem` says why this place has no rule that the tables could hold.
    """

    register: int = RSP
    offset: int = 8
    saved: tuple[tuple[int, int], ...] = ()
    problem: str = ""

    def usable_saved(self) -> dict[int, int]:
        """Saved registers whose copy still lies on the stack.

        Compilers leave a `.cfi_offset` standing after the register was popped; its copy is then
        below %rsp, where a deopt stub pushes, and the register has its value back.
        """
        return {
            register: offset
            for register, offset in self.saved
            if not (self.register == RSP and offset < -self.offset)
        }

    def described(self) -> FrameRule:
        """The rule for unwinders in Elite, which calls and pushes where the compiler did not: only
        copies that still lie on the stack."""
        return replace(self, saved=tuple(sorted(self.usable_saved().items())))


def register_number(text: str) -> int:
    """The DWARF number of `%rbp`, `rbp` or `6`. Raises CfiError for one the tables don't know."""
    text = text.lstrip("%")
    if text.isdigit():
        return int(text)
    if text in _NUMBERS:
        return _NUMBERS[text]
    if text.startswith("xmm"):
        return 17
    raise CfiError(f"unknown register {text} in call frame information")


def _advance(rule: FrameRule, item: Cfi) -> FrameRule:
    arguments = item.arguments
    saved = dict(rule.saved)
    match item.name:
        case "cfi_def_cfa":
            return replace(
                rule, register=register_number(arguments[0]), offset=int(arguments[1]), problem=""
            )
        case "cfi_def_cfa_offset":
            return replace(rule, offset=int(arguments[0]))
        case "cfi_adjust_cfa_offset":
            return replace(rule, offset=rule.offset + int(arguments[0]))
        case "cfi_def_cfa_register":
            return replace(rule, register=register_number(arguments[0]))
        case "cfi_offset":
            saved[register_number(arguments[0])] = int(arguments[1])
        case "cfi_rel_offset":
            saved[register_number(arguments[0])] = int(arguments[1]) - rule.offset
        case "cfi_restore" | "cfi_same_value":
            saved.pop(register_number(arguments[0]), None)
        case "cfi_escape":
            # DW_CFA_GNU_args_size tells exception unwinders only.
            if arguments and int(arguments[0], 0) == 0x2E:
                return rule
            return replace(rule, problem="its frame is realigned at run time (.cfi_escape)")
        case "cfi_undefined" | "cfi_register" | "cfi_return_column" | "cfi_window_save":
            return replace(rule, problem=f".{item.name}")
        case _:
            return rule
    return replace(rule, saved=tuple(sorted(saved.items())))


def rules_at(items: Sequence[Item]) -> list[FrameRule]:
    """The rule in force before each item, with one more for the end."""
    rules: list[FrameRule] = []
    rule = FrameRule(problem="no call frame information")
    remembered: list[FrameRule] = []
    for item in items:
        rules.append(rule)
        if not isinstance(item, Cfi):
            continue
        if item.name == "cfi_startproc":
            rule, remembered = FrameRule(), []
        elif item.name == "cfi_endproc":
            rule = FrameRule(problem="outside of call frame information")
        elif item.name == "cfi_remember_state":
            remembered.append(rule)
        elif item.name == "cfi_restore_state":
            rule = remembered.pop() if remembered else rule
        else:
            rule = _advance(rule, item)
    rules.append(rule)
    return rules


def directives(old: FrameRule, new: FrameRule) -> list[str]:
    """The directives that take the state from `old` to `new`."""
    if old == new:
        return []
    out: list[str] = []
    if (old.register, old.offset) != (new.register, new.offset):
        out.append(f"\t.cfi_def_cfa {new.register}, {new.offset}")
    before, after = dict(old.saved), dict(new.saved)
    out += [f"\t.cfi_restore {r}" for r in before if r not in after]
    out += [f"\t.cfi_offset {r}, {o}" for r, o in after.items() if before.get(r) != o]
    return out
