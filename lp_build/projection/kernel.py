# SPDX-License-Identifier: GPL-2.0-only
"""The kernel form of one function: Elite's text as `lp build --kernel` puts it in a module.

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
from collections.abc import Iterator

from lp_build.projection.assembly import (
    Cfi,
    InlineAsm,
    Insn,
    Label,
    Loc,
    TlsCall,
    parse_instruction,
)
from lp_build.projection.cfi import RBP, FrameRule
from lp_build.projection.elite import Block, Callee, Projector, is_conditional
from lp_build.projection.flags import Ways, flags_live
from lp_build.projection.operands import (
    Memory,
    effect_of,
    is_register,
    is_string,
    loads_only_into,
    may_divide_by_zero,
    memory_of,
    operands_of,
    string_pointers,
    wide,
    written,
)
from lp_build.projection.records import KernelSite, SiteKind, SiteRecord, check_rule

PREFIX = "lpk"
CONDITIONAL = "a conditional tail call"
# Below the stack limit lies room for one frame, and for what exceptions push (kernel/README.md).
_FRAME_MAX = 2048
# Below zero by no more than this is below the first page: nothing is mapped there.
_NEAR = 4096
_RELATIVE = re.compile(r"\(%rip\)")
_BEYOND_SSE = re.compile(r"%[yz]mm|%k\d|%st\b|%mm\d")
_INDIRECTLY_NAMED = re.compile(r"@(?:GOTPCREL|gottpoff|tlsgd|tlsld|tlsdesc|tlscall|GOT|PLT)", re.I)
_FROM_THE_BLOCK = re.compile(r"@dtpoff\b", re.I)
_BIT_STRING = re.compile(r"^bt[src]?[wlq]?$")
_HARMLESS_ASM = frozenset(("", "pause", "rep nop", "rep; nop", "nop", "lfence", "mfence", "sfence"))
_TRAPS = frozenset(("ud2", "hlt", "int3"))
# Registers that are not the thread's alone: segments (not as a prefix), control, debug.
_OTHER_REGISTER = re.compile(r"%(?:[cdefgs]s(?!:)\b|[cdt]r\d+|bnd\d)")
_CALLS = frozenset(("call", "callq"))
_JUMPS = frozenset(("jmp", "jmpq"))
_ENDS = frozenset(("ret", "retq", "ud2", "hlt", "int3"))


def problem_of(insn: Insn) -> str:
    """Why an instruction can't run in the kernel ("" if it can): then it is a deopt before it."""
    mnemonic, operands = insn.mnemonic, insn.operands
    if mnemonic in _TRAPS:
        return mnemonic
    if _BEYOND_SSE.search(operands) or (mnemonic[0] == "v" and effect_of(insn) is None):
        return "floating point beyond SSE"
    if mnemonic[0] == "f":
        return "x87 floating point"
    if effect_of(insn) is None:
        return f"the instruction {mnemonic}"
    if _OTHER_REGISTER.search(operands):
        return f"an access to {_OTHER_REGISTER.findall(operands)[0]}"
    if _INDIRECTLY_NAMED.search(operands) and mnemonic not in (*_CALLS, *_JUMPS):
        return "an address from the global offset table"
    memory = memory_of(insn)
    if memory is not None:
        if memory.segment == "gs" or (memory.segment and (memory.base or memory.index)):
            return f"an access relative to %{memory.segment}"
        if _BIT_STRING.match(mnemonic) and is_register(operands_of(insn)[0]):
            return "a bit string in memory"
        if mnemonic == "movabsq" or mnemonic == "movabs":
            return "a 64-bit address"
    parts = operands_of(insn)
    if len(parts) == 2 and parts[1] == "%rsp" and is_register(parts[0]) and parts[0] != "%rbp":
        return "a stack that grows by an amount unknown"
    return ""


class KernelProjector(Projector):
    """Projects one function into its kernel form."""

    suffix = "lp_kernel"
    leave = "lp_k_deopt"
    force = "lp_k_force"
    unwound = False  # what unwinds runs in user space, on the Fallback's frames

    # -- analysis -----------------------------------------------------------------------------

    def _ends(self, start: int, position: int, item: Insn) -> Block | None:
        problem = problem_of(item)
        if problem:
            return Block(start, position, stop=problem, falls=False)
        if is_conditional(item.mnemonic) and item.operands not in self.labels:
            callee = item.operands.removesuffix("@PLT")
            return Block(start, position, stop=CONDITIONAL, falls=False, callee=callee)
        ended = super()._ends(start, position, item)
        if ended is None or not ended.targets:
            indirect = item.operands.startswith("*") and self._direct_name(item.operands) is None
            if indirect and "%r11" in item.operands and "(" in item.operands:
                # No register is left for the pointer, should this be a deopt after all.
                return Block(start, position, stop="an indirect call by %r11", falls=False)
            if indirect and not (ended and ended.stop) and not self._observed(position):
                return Block(start, position, stop="an indirect call", falls=False)
        return ended

    def _observed(self, position: int) -> list[tuple[str, Callee]]:
        file, line = self.locations[position]
        return list(self.context.observed(file, line))

    def _asm_problem(self, item: InlineAsm) -> str:
        if self._is_system_call(item):
            return ""
        if isinstance(item, TlsCall):
            known = item.local or self.context.file.defines(item.symbol)
            return "" if known else "finds another unit's thread-local variable"
        if all(statement in _HARMLESS_ASM for statement in item.statements):
            return ""
        if self.context.forms and len(item.statements) == 1:
            return problem_of(parse_instruction(item.line, item.statements[0]))
        return "may do what a kernel must not"

    def _is_system_call(self, item: InlineAsm) -> bool:
        return self.context.forms and item.statements == ("syscall",)

    def _reach(self) -> None:
        super()._reach()
        self.heads = {
            self.labels[target]
            for block in self.blocks.values()
            for target in block.targets
            if self.labels[target] < block.end
        }
        entry = self.labels[self.function.name]
        calls = any(
            isinstance(item, Insn) and item.mnemonic in _CALLS
            for block in self.blocks.values()
            for item in self.items[block.start : block.end]
        )
        self.frame = max(
            (
                self.rules[position].offset
                for block in self.blocks.values()
                for position in range(block.start, block.end)
                if not self.rules[position].problem and self.rules[position].register != RBP
            ),
            default=0,
        )
        self.frame = max([self.frame, *self._adjustments()])
        self.guarded_entry = entry if calls or self.frame > _FRAME_MAX else -1
        self.checked: set[str] = set()
        self.serial = 0
        self.live: list[bool] | None = None

    def _adjustments(self) -> Iterator[int]:
        """What is subtracted from the stack pointer, where the frame is not told relative to it."""
        for item in self.items:
            if isinstance(item, Insn) and item.mnemonic in ("subq", "sub"):
                match = re.fullmatch(r"\$(\d+), %rsp", item.operands)
                if match:
                    yield int(match.group(1))

    def _flags_live(self, position: int) -> bool:
        """Whether an instruction from `position` on may read the flags as they are before it."""
        if self.live is None:
            self.live = flags_live(self.items, self._ways)
        return self.live[position]

    def _ways(self, position: int, item: Insn) -> Ways | None:
        """Where a branch may go; None for what is none."""
        operands = item.operands
        if item.mnemonic in _JUMPS and operands.startswith("*"):
            found = self._jump_table(self._straight_from(position), position, operands[1:])
            if found is not None:
                return Ways(tuple(self.labels[entry] for entry in found[1]), falls=False)
            # A tail call has no flags to hand over; `goto *p` may have.
            return Ways(falls=False, unknown=not self._is_tail_call(position))
        if item.mnemonic in _JUMPS or is_conditional(item.mnemonic):
            known = operands in self.labels
            targets = (self.labels[operands],) if known else ()
            elsewhere = operands.startswith(".L") and not known
            return Ways(targets, falls=item.mnemonic not in _JUMPS, unknown=elsewhere)
        return Ways(falls=False) if item.mnemonic in _ENDS else None

    def _straight_from(self, position: int) -> int:
        """The first item from which nothing but straight text leads to `position`."""
        while position and not (
            isinstance(self.items[position - 1], Label)
            or (isinstance(before := self.items[position - 1], Insn) and before.mnemonic in _JUMPS)
        ):
            position -= 1
        return position

    # -- records ------------------------------------------------------------------------------

    def _name(self, letter: str, position: int) -> str:
        """A label of this function's text that nothing else has."""
        self.serial += 1
        return f".L{PREFIX}{letter}{self._id}_{position}_{self.serial}"

    def _kernel_site(self, position: int, elite: str = "-1", user: str = "0") -> str:
        """A record of `position`; its label."""
        rule = self.rules[position]
        check_rule(rule)
        sites = self.context.tables.kernel.sites
        label = f".L{PREFIX}r{len(sites)}"
        fallback = self._fallback_before(self._item(position))
        sites.append(KernelSite(label, fallback, rule, user, elite))
        return label

    def _site(self, position: int, kind: SiteKind, name: str, elite: str = "0") -> SiteRecord:
        """A place with a name: the program's own record counts it, whichever form of Elite left."""
        tables = self.context.tables
        fallback = self._fallback_before(self._item(position))
        record = tables.find(fallback, kind)
        if record is None:
            record = super()._site(position, kind, name)
        label = self._kernel_site(position, "-1" if elite == "0" else elite, record.label)
        return SiteRecord(
            label, fallback, record.rule, record.name, record.file, record.line, kind, elite
        )

    def _note_return(self, label: str, fallback: str, rule: FrameRule) -> None:
        check_rule(rule)
        self.context.tables.kernel.returns.append((label, fallback, rule))

    def _leave_by(self, how: str, position: int, elite: str, restore: str = "") -> str:
        """The label of a stub for `position` that goes to import `how`."""
        stub = self._name("z", position)
        site = self._kernel_site(position, elite)
        self.tail.append(f"{stub}:")
        if restore:
            self.tail.append(restore)
        self.tail += [f"\tpushq ${site}", f"\tjmp {how}"]
        return stub

    # -- emission -----------------------------------------------------------------------------

    def _framed(self, body: list[str]) -> list[str]:
        symbol = f"{self.function.name}.{self.suffix}"
        # The section is data to the assembler, which would fill gaps with zeros: alignment within
        # the text, where execution may fall through, is left out.
        return [
            "\t.p2align 4, 0xcc",
            f"\t.type {symbol}, @function",
            f"{symbol}:",
            *(line for line in body if not line.startswith("\t.cfi_")),
            *self.tail,
            "\tud2",
            f"\t.size {symbol}, .-{symbol}",
        ]

    def _sync(self, position: int) -> None:
        check_rule(self.rules[position])

    def _alignment(self, start: int) -> list[str]:
        return []

    def _first(self, position: int) -> int:
        """The first item from `position` on that is code: there the frame's rule is in force."""
        while position < len(self.items) and isinstance(self.items[position], (Label, Loc, Cfi)):
            position += 1
        return position

    def _begin_block(self, block: Block) -> None:
        self.checked = set()
        if block.start == self.guarded_entry:
            self._look_at_stack(self._first(block.start))
        if block.start in self.heads:
            self._spend_budget(self._first(block.start))

    def _look_at_stack(self, position: int) -> None:
        """%r11 and the flags are dead at a function's entry."""
        limit, pointer = "%fs:lp_kernel_limit@tpoff", "%rsp"
        file, _ = self.locations[position]
        record = self._site(position, SiteKind.ENTRY, f"{file}:{self.function.name}:stack")
        stub = self._name("z", position)
        self.tail += [f"{stub}:", f"\tpushq ${record.label}", f"\tjmp {self.leave}"]
        if self.frame > _FRAME_MAX:
            self.out.append(f"\tleaq -{self.frame}(%rsp), %r11")
            pointer = "%r11"
        self.out += [*self._may_fault(position, f"cmpq {limit}, {pointer}"), f"\tjb {stub}"]

    def _spend_budget(self, position: int) -> None:
        spend = "subq $1, %fs:lp_kernel_budget@tpoff"
        again, on = self._name("a", position), self._name("b", position)
        self.out.append(f"{again}:")
        if self._flags_live(position):
            stub = self._leave_by("lp_k_budget", position, on, "\tpopfq")
            fault = self._leave_by("lp_k_fault", position, again, "\tpopfq")
            place = self._name("m", position)
            self.context.tables.kernel.fixups.append((place, fault))
            self.out += ["\tpushfq", f"{place}:", f"\t{spend}", f"\tjs {stub}", "\tpopfq"]
        else:
            stub = self._leave_by("lp_k_budget", position, on)
            self.out += [*self._may_fault(position, spend), f"\tjs {stub}"]
        self.out.append(f"{on}:")

    def _may_fault(self, position: int, text: str) -> list[str]:
        """An instruction with its entry in the exception table; it runs again with its page."""
        label = self._name("m", position)
        stub = self._leave_by("lp_k_fault", position, label)
        self.context.tables.kernel.fixups.append((label, stub))
        return [f"{label}:", f"\t{text}"]

    def _emit_asm(self, position: int, item: InlineAsm) -> None:
        self.checked = set()
        if self._is_system_call(item):
            site = self._kernel_site(position)
            self.out += [f"\tpushq ${site}", "\tcall lp_k_syscall"]
            self.out.append(f"{self._return(position)}:")
            return
        if isinstance(item, TlsCall):
            # The variable is the program's: what the linker makes of the call in user space.
            self.out += self._may_fault(position, "movq %fs:0, %rax")
            if not item.local:
                self.out.append(f"\tleaq {item.symbol}@tpoff(%rax), %rax")
            return
        for statement in item.statements:
            self._emit_plain(position, parse_instruction(item.line, statement))

    def _emit_insn(self, block: Block, position: int, item: Insn) -> None:
        if item.mnemonic in _CALLS or item.mnemonic in _JUMPS or is_conditional(item.mnemonic):
            super()._emit_insn(block, position, item)
            self.checked = set()
            return
        self._emit_plain(position, item)

    def _emit_plain(self, position: int, item: Insn) -> None:
        """An instruction that goes on to the next one."""
        if item.mnemonic == "endbr64":
            return
        # The block of thread-local variables begins at %fs:0 in a program, which ends it.
        text = _FROM_THE_BLOCK.sub("@tpoff", _RELATIVE.sub("", item.text))
        memory = memory_of(item)
        if memory is None and not is_string(item) and not may_divide_by_zero(item):
            self.out.append(f"\t{text}")
        else:
            self._keep_to_user_half(position, item, memory)
            self.out += self._may_fault(position, text)
        changed = written(item)
        self.checked = self.checked - changed if changed is not None else set()

    # -- pointers -----------------------------------------------------------------------------

    def _keep_to_user_half(self, position: int, item: Insn, memory: Memory | None) -> None:
        """Deopt before an access that would reach into the kernel's half.

        Addresses between the halves fault by themselves, and so does the last page below zero.
        """
        if memory is None:
            if is_string(item):
                for register in string_pointers(item):
                    self._look_at(position, register)
            return
        if memory.segment or memory.base == "rip" or not (memory.base or memory.index):
            return
        frame = self.rules[position].register
        if not memory.index:
            if memory.base == "rsp" or (memory.base == "rbp" and frame == RBP):
                return
            if memory.number is not None and memory.number >= -_NEAR:
                self._look_at(position, memory.base)
                return
        self._look_at_sum(position, item, memory)

    def _look_at(self, position: int, register: str) -> None:
        if register in self.checked:
            return
        self.checked.add(register)
        self._test(position, f"%{register}", self._flags_live(position))

    def _test(self, position: int, register: str, flags: bool) -> None:
        if not flags:
            stub = self._leave_by(self.leave, position, "-1")
            self.out += [f"\ttestq {register}, {register}", f"\tjs {stub}"]
            return
        stub = self._leave_by(self.leave, position, "-1", "\tpopfq")
        self.out += ["\tpushfq", f"\ttestq {register}, {register}", f"\tjs {stub}", "\tpopfq"]

    def _look_at_sum(self, position: int, item: Insn, memory: Memory) -> None:
        flags = self._flags_live(position)
        free = loads_only_into(item)
        if free and free not in (memory.base, memory.index):
            # What the load overwrites is free until then, on both sides.
            self.out.append(f"\tleaq {memory.text}, %{free}")
            self._test(position, f"%{free}", flags)
            return
        scratch = next(r for r in ("rax", "rcx", "rdx") if r not in (memory.base, memory.index))
        stub = self._leave_by(self.leave, position, "-1", "\tpopfq" if flags else "")
        self.out += ["\tpushfq"] if flags else []
        self.out += [
            f"\tpushq %{scratch}",
            f"\tleaq {memory.below(16 if flags else 8)}, %{scratch}",
            f"\ttestq %{scratch}, %{scratch}",
            f"\tpopq %{scratch}",
            f"\tjs {stub}",
        ]
        self.out += ["\tpopfq"] if flags else []

    # -- branches -----------------------------------------------------------------------------

    def _force(self, position: int, what: str) -> Iterator[str]:
        back = self._name("c", position)
        name = self._call_name(position, what)
        record = self._site(position, SiteKind.FORCE, name, elite=back)
        stub = self._name("k", position)
        self.tail += [f"{stub}:", f"\tpushq ${record.label}", f"\tjmp {self.force}"]
        yield from self._may_fault(position, "cmpb $0, lp_force_armed")
        yield f"\tjne {stub}"
        yield f"{back}:"

    def _emit_jump(self, block: Block, position: int, item: Insn) -> None:
        if item.operands.startswith("*"):
            found = self._jump_table(block.start, position, item.operands[1:])
            if found is not None:
                self._emit_switch(position, item, *found)
                return
        elif item.operands not in self.labels:
            # A tail call may close a loop that has no other back edge.
            self._spend_budget(position)
        super()._emit_jump(block, position, item)

    def _emit_switch(
        self, position: int, item: Insn, reader: int, entries: tuple[str, ...], _: str
    ) -> None:
        """Comparisons instead of a jump table."""
        # An arm may read the flags from before the switch: they come back on the way.
        live = self._flags_live(position)
        otherwise = self._stub(position)
        if live:
            otherwise = self._restored(position, otherwise)
            self.out.append("\tpushfq")
        ways: dict[str, str] = {}

        def way(label: str) -> str:
            if label not in ways:
                target = self._target(label)
                ways[label] = self._restored(position, target) if live else target
            return ways[label]

        if reader != position:
            # The table was read, the Fallback's: the register holds its label.
            register = item.operands[1:]
            for label in dict.fromkeys(entries):
                if self._alias(self.labels[label]) is None:
                    self.out += [f"\tcmpq ${label}, {register}", f"\tje {way(label)}"]
            self.out.append(f"\tjmp {otherwise}")
            return
        match = re.search(r"\(,(%r\w+),8\)", item.operands)
        assert match is not None
        for index, label in enumerate(entries):
            if index + 1 < len(entries) and entries[index + 1] == label:
                continue
            hot = self._alias(self.labels[label]) is None
            target = way(label) if hot else otherwise
            self.out += [f"\tcmpq ${index}, {match.group(1)}", f"\tjbe {target}"]
        self.out.append(f"\tjmp {otherwise}")

    def _restored(self, position: int, target: str) -> str:
        """The label of what takes the flags back from the stack and goes on at `target`."""
        name = self._name("s", position)
        self.tail += [f"{name}:", "\tpopfq", f"\tjmp {target}"]
        return name

    def _callee_text(self, callee: Callee) -> str:
        return callee.symbol

    def _emit_indirect(self, position: int, item: Insn, *, tail: bool) -> None:
        """Only targets that scouting saw: anything else is a deopt before the call."""
        operand = item.operands[1:]
        if self.context.stress:
            self.out += self._force(position, item.operands)
        if is_register(operand):
            pointer = f"%{wide(operand[1:])}"
        else:
            pointer = "%r11"
            load = Insn(item.line, "movq", f"{operand}, %r11", f"movq {operand}, %r11")
            self._keep_to_user_half(position, load, memory_of(load))
            self.out += self._may_fault(position, _RELATIVE.sub("", load.text))
        if tail:
            self._spend_budget(position)
        base = self._name("i", position)
        for serial, (symbol, callee) in enumerate(self._observed(position), 1):
            self.out += [f"\tcmpq ${symbol}, {pointer}", f"\tjne {base}_{serial}"]
            self.out.append(f"\t{'jmp' if tail else 'call'} {self._callee_text(callee)}")
            if not tail:
                self.out.append(f"{self._return(position, f'_{serial}')}:")
                self.out.append(f"\tjmp {base}_done")
            self.out.append(f"{base}_{serial}:")
        self.out += [f"\tjmp {self._stub(position)}", f"{base}_done:"]
