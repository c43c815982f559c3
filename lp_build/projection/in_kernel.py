# SPDX-License-Identifier: GPL-2.0-only
"""The kernel form: Elite's text as `lp build --kernel` puts it in a module.

It is made from the same instructions as the Fallback and the in-process Elite copy, and lies in
sections of the same object that are not loaded with the program: the application's own linker
resolves what it names. It differs from the in-process copy in what a kernel asks for:

- Data is addressed absolutely (a program that is linked at a fixed address lies below 2 GiB), so
  that the text runs wherever the module lies.
- Each instruction that may fault has an entry in the exception table, and a record that says how
  the Fallback goes on there.
- A pointer into the kernel's half is a deopt before the access, never an access.
- Each function looks whether there is stack left, each loop whether its budget is.
- There are no indirect branches: a switch and a call through a pointer compare with what is hot.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from lp_build.model.abi import SiteKind
from lp_build.projection.cfg import Analysis, Block, JumpTable, direct_name
from lp_build.projection.effects import is_string, may_divide_by_zero, memory_of
from lp_build.projection.fallback import Edits
from lp_build.projection.guards import FRAME_MAX, Guards
from lp_build.projection.instructions import Flow, flow_of
from lp_build.projection.items import (
    Cfi,
    InlineAsm,
    Insn,
    Label,
    Loc,
    TlsCall,
    parse_instruction,
)
from lp_build.projection.kernel_places import KernelPlaces
from lp_build.projection.kernel_rules import is_system_call
from lp_build.projection.operands import is_register, wide
from lp_build.projection.places import Exits, Names, ProgramSites
from lp_build.projection.records import Tables, check_rule
from lp_build.projection.stops import How

PREFIX = "lpk"
SUFFIX = "lp_kernel"
_LEAVE = "lp_k_deopt"
_RELATIVE = re.compile(r"\(%rip\)")
_FROM_THE_BLOCK = re.compile(r"@dtpoff\b", re.I)


class InKernel:
    """Emits one function. Records go to `tables`, the Fallback's labels to `edits`."""

    def __init__(self, analysis: Analysis, tables: Tables, edits: Edits) -> None:
        self.analysis = analysis
        self._names = Names(PREFIX, analysis.function.label_line)
        program = ProgramSites(analysis, self._names, tables, edits)
        self._places = KernelPlaces(program)
        self._guards = Guards(analysis, self._places, _LEAVE)
        self.exits = Exits(program, self._places, _LEAVE)

    # -- blocks -------------------------------------------------------------------------------

    def begin(self, block: Block) -> Iterator[str]:
        """See Emitter. The section is data to the assembler, which would fill gaps with zeros:
        alignment within the text, where execution may fall through, is left out."""
        yield f"{self._names.block(block.start)}:"
        self._guards.forget()
        position = self._first(block.start)
        if block.start == self.analysis.entry and self._looks_at_stack():
            yield from self._guards.look_at_stack(position)
        if block.start in self.analysis.loop_heads:
            yield from self._guards.spend_budget(position)

    def _looks_at_stack(self) -> bool:
        return self.analysis.makes_calls or self.analysis.frame_size > FRAME_MAX

    def _first(self, position: int) -> int:
        """The first item from `position` on that is code: there the frame's rule is in force."""
        items = self.analysis.items
        while position < len(items) and isinstance(items[position], (Label, Loc, Cfi)):
            position += 1
        return position

    def reach(self, position: int) -> Iterator[str]:
        """See Emitter. What unwinds runs in user space, on the Fallback's frames."""
        check_rule(self.analysis.rules[position])
        return iter(())

    def location(self, item: Loc) -> Iterator[str]:
        """See Emitter. The section has no lines, since the program has no such addresses."""
        return iter(())

    def finish(self, body: Sequence[str]) -> list[str]:
        """See Emitter."""
        symbol = f"{self.analysis.function.name}.{SUFFIX}"
        return [
            "\t.p2align 4, 0xcc",
            f"\t.type {symbol}, @function",
            f"{symbol}:",
            *body,
            *self._exit_stubs(),
            *self._places.stubs,
            "\tud2",
            f"\t.size {symbol}, .-{symbol}",
        ]

    def _exit_stubs(self) -> Iterator[str]:
        for _, stubs in self.exits.stubs():
            for stub in stubs:
                yield from (f"{stub.label}:", f"\tpushq ${stub.record}", f"\tjmp {stub.where}")

    # -- items --------------------------------------------------------------------------------

    def asm(self, position: int, item: InlineAsm) -> Iterator[str]:
        """See Emitter."""
        self._guards.forget()
        if is_system_call(self.analysis.context, item):
            site = self._places.site(position)
            yield from (f"\tpushq ${site}", "\tcall lp_k_syscall")
            yield f"{self._return(position)}:"
        elif isinstance(item, TlsCall):
            # The variable is the program's: what the linker makes of the call in user space.
            yield from self._places.may_fault(position, "movq %fs:0, %rax")
            if not item.local:
                yield f"\tleaq {item.symbol}@tpoff(%rax), %rax"
        else:
            for statement in item.statements:
                yield from self._plain(position, parse_instruction(item.line, statement))

    def instruction(self, block: Block, position: int, item: Insn) -> Iterator[str]:
        """See Emitter."""
        match flow_of(item.mnemonic):
            case Flow.CALL:
                yield from self._call(position, item)
                self._guards.forget()
            case Flow.JUMP:
                yield from self._jump(block, position, item)
            case _:
                yield from self._plain(position, item)

    def _plain(self, position: int, insn: Insn) -> Iterator[str]:
        """An instruction that goes on to the next one, or returns."""
        if insn.mnemonic == "endbr64":
            return
        # The block of thread-local variables begins at %fs:0 in a program, which ends it.
        text = _FROM_THE_BLOCK.sub("@tpoff", _RELATIVE.sub("", insn.text))
        if memory_of(insn) is None and not is_string(insn) and not may_divide_by_zero(insn):
            yield f"\t{text}"
        else:
            yield from self._guards.keep_to_user_half(position, insn)
            yield from self._places.may_fault(position, text)
        self._guards.behind(insn)

    # -- branches -----------------------------------------------------------------------------

    def force(self, position: int, what: str) -> Iterator[str]:
        """See Emitter."""
        back = self._places.name("c", position)
        name = self._places.program.call_name(position, what)
        record = self._places.record(position, SiteKind.FORCE, name, back)
        stub = self._places.name("k", position)
        self._places.add_stub(stub, record.label, "lp_k_force")
        yield from self._places.may_fault(position, "cmpb $0, lp_force_armed")
        yield f"\tjne {stub}"
        yield f"{back}:"

    def _return(self, position: int, serial: str = "") -> str:
        """A return label, with its record."""
        label = self._names.at("q", position, serial)
        self._places.returns_to(label, position)
        return label

    def _named(self, operands: str) -> str:
        """What a call or jump whose operands name a function has for operands here."""
        callee = self.analysis.ability.resolve(direct_name(operands) or operands)
        return operands if callee.how is How.PLAIN else callee.symbol

    def _call(self, position: int, item: Insn) -> Iterator[str]:
        name = direct_name(item.operands)
        if name is None:
            yield from self._indirect(position, item, tail=False)
            return
        if self.analysis.context.stress:
            yield from self.force(position, name)
        yield f"\tcall {self._named(item.operands)}"
        yield f"{self._return(position)}:"

    def _jump(self, block: Block, position: int, item: Insn) -> Iterator[str]:
        operands = item.operands
        if operands in self.analysis.labels:
            yield f"\tjmp {self.exits.target(operands)}"
            return
        if operands.startswith("*"):
            table = self.analysis.jump_table(block.start, position, operands[1:])
            if table is not None:
                yield from self._switch(position, item, table)
                return
        else:
            # A tail call may close a loop that has no other back edge.
            yield from self._guards.spend_budget(position)
        if direct_name(operands) is None:
            yield from self._indirect(position, item, tail=True)
            return
        if self.analysis.context.stress:
            yield from self.force(position, operands)
        yield f"\tjmp {self._named(operands)}"

    def _switch(self, position: int, item: Insn, table: JumpTable) -> Iterator[str]:
        """Comparisons instead of a jump table."""
        # An arm may read the flags from before the switch: they come back on the way.
        live = self.analysis.flags_live(position)
        otherwise = self.exits.stub(position)
        if live:
            otherwise = self._restored(position, otherwise)
            yield "\tpushfq"
        ways: dict[str, str] = {}

        def way(label: str) -> str:
            if label not in ways:
                target = self.exits.target(label)
                ways[label] = self._restored(position, target) if live else target
            return ways[label]

        if table.reader != position:
            # The table was read, the Fallback's: the register holds its label.
            register = item.operands[1:]
            for label in dict.fromkeys(table.entries):
                if self._is_hot(label):
                    yield from (f"\tcmpq ${label}, {register}", f"\tje {way(label)}")
            yield f"\tjmp {otherwise}"
            return
        match = re.search(r"\(,(%r\w+),8\)", item.operands)
        assert match is not None
        for index, label in enumerate(table.entries):
            if index + 1 < len(table.entries) and table.entries[index + 1] == label:
                continue
            target = way(label) if self._is_hot(label) else otherwise
            yield from (f"\tcmpq ${index}, {match.group(1)}", f"\tjbe {target}")
        yield f"\tjmp {otherwise}"

    def _is_hot(self, label: str) -> bool:
        return self.analysis.left_at(self.analysis.labels[label]) is None

    def _restored(self, position: int, target: str) -> str:
        """The label of what takes the flags back from the stack and goes on at `target`."""
        name = self._places.name("s", position)
        self._places.stubs += [f"{name}:", "\tpopfq", f"\tjmp {target}"]
        return name

    def _indirect(self, position: int, item: Insn, *, tail: bool) -> Iterator[str]:
        """Only targets that scouting saw: anything else is a deopt before the call."""
        operand = item.operands[1:]
        if self.analysis.context.stress:
            yield from self.force(position, item.operands)
        if is_register(operand):
            pointer = f"%{wide(operand[1:])}"
        else:
            pointer = "%r11"
            load = Insn(item.line, "movq", f"{operand}, %r11", f"movq {operand}, %r11")
            yield from self._guards.keep_to_user_half(position, load)
            yield from self._places.may_fault(position, _RELATIVE.sub("", load.text))
        if tail:
            yield from self._guards.spend_budget(position)
        base = self._places.name("i", position)
        for serial, (symbol, callee) in enumerate(self.analysis.observed(position), 1):
            yield from (f"\tcmpq ${symbol}, {pointer}", f"\tjne {base}_{serial}")
            yield f"\t{'jmp' if tail else 'call'} {callee.symbol}"
            if not tail:
                yield f"{self._return(position, f'_{serial}')}:"
                yield f"\tjmp {base}_done"
            yield f"{base}_{serial}:"
        yield from (f"\tjmp {self.exits.stub(position)}", f"{base}_done:")
