# SPDX-License-Identifier: GPL-2.0-only
"""The analysis of one function: its blocks, which of them Elite reaches without passing a marker,
where it leaves and why, and which flags live where.

Control-flow facts come from the assembly itself. Whatever can't be proven right becomes a deopt
just before it: the same compile stands behind both sides, so any instruction boundary will do.
What the forms of Elite can do differs, and is told by an `Ability`; nothing here writes text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from lp_build.model.markers import COLD, ENTRY, Marker
from lp_build.projection.assembly import AsmFile, AsmFunction
from lp_build.projection.cfi import RBP, RSP, FrameRule, rules_at
from lp_build.projection.flags import Ways, flags_live
from lp_build.projection.frames import asm_frame_problem, frame_problem
from lp_build.projection.inline_asm import LOCAL_LABEL, asm_targets
from lp_build.projection.instructions import Flow, flow_of, is_branch
from lp_build.projection.items import Cfi, Data, InlineAsm, Insn, Item, Label, Loc, MarkerItem
from lp_build.projection.stops import Callee, How, NotElite, Reason, Stop, StopKind

_TABLE_OPERAND = re.compile(r"^(\.L[\w.$]+)\(,(%r\w+),8\)$")
_BY_TABLE = re.compile(r"\*([\w.$]+)@GOTPCREL\(%rip\)")
_NO_WAY_ON = (Flow.RETURN, Flow.TRAP)


@dataclass(frozen=True)
class Context:
    """What a function's projection needs to know of its unit. forms: it is one of our own, and its
    `syscall` instructions have a kernel form. shown_as: what functions are called in sites' names,
    by symbol, where that is not the symbol. frame_reads: the (file, line) of what sees callers'
    frames, from wherever it was inlined."""

    file: AsmFile
    markers: Sequence[Marker]
    source_name: Callable[[int], str]
    stress: bool
    keep_debug: bool
    forms: bool = False
    shown_as: Mapping[str, str] = field(default_factory=dict)
    frame_reads: frozenset[tuple[str, int]] = frozenset()


@dataclass(frozen=True)
class Ability:
    """What one form of Elite can do by itself: whatever it can't is a deopt before it.

    resolve: what a call of a symbol becomes. observed: the targets of indirect calls at a (file,
    line) that it can call directly. instruction: why it can't run one (None: it can). asm: why it
    can't have an asm statement ("": it can). conditional_tail_calls: whether it makes them.
    any_target: whether it calls through a pointer that scouting did not see.
    """

    resolve: Callable[[str], Callee]
    observed: Callable[[str, int], Sequence[tuple[str, Callee]]]
    instruction: Callable[[Insn], Reason | None]
    asm: Callable[[InlineAsm], str]
    conditional_tail_calls: bool
    any_target: bool


@dataclass(frozen=True)
class Block:
    """Items [start, end) of a function; `stop` says why Elite ends before item `end`, and `callee`
    before the call of what, where it is a call of a name."""

    start: int
    end: int
    stop: Reason | None = None
    falls: bool = True
    targets: tuple[str, ...] = ()
    callee: str = ""


@dataclass(frozen=True)
class JumpTable:
    """A switch's jump: the item that reads the table, the labels in it, and its own label."""

    reader: int
    entries: tuple[str, ...]
    label: str


def direct_name(operands: str) -> str | None:
    """The symbol that a call or jump names, or None for one through a register or memory."""
    if not operands.startswith("*"):
        return operands.removesuffix("@PLT")
    match = _BY_TABLE.fullmatch(operands)
    return match.group(1) if match else None


def _stopped(start: int, end: int, reason: Reason, callee: str = "") -> Block:
    return Block(start, end, stop=reason, falls=False, callee=callee)


@dataclass(frozen=True)
class Analysis:
    """One function, as one form of Elite sees it. Positions are those of `items`; rules: of the
    frame before each item, with one more for the end; locations: (file, line) of each, likewise.
    Everything else follows from these, and is worked out when it is first asked for."""

    function: AsmFunction
    context: Context
    ability: Ability
    rules: Sequence[FrameRule]
    labels: Mapping[str, int]
    locations: Sequence[tuple[str, int]]

    @property
    def items(self) -> Sequence[Item]:
        """The function's, in text order."""
        return self.function.items

    @property
    def entry(self) -> int:
        """Where the function begins."""
        return self.labels[self.function.name]

    # -- blocks -------------------------------------------------------------------------------

    @cached_property
    def blocks(self) -> Mapping[int, Block]:
        """The blocks that are reached without passing a marker, by where they begin."""
        blocks: dict[int, Block] = {}
        roots = [self.entry]
        roots += [
            position
            for position, item in enumerate(self.items)
            if isinstance(item, MarkerItem) and item.kind == ENTRY
        ]
        work = list(roots)
        while work:
            start = work.pop()
            if start in blocks:
                continue
            block = self._block_at(start)
            # An entry marker within a block begins a block of its own.
            inner = [root for root in roots if block.start < root < block.end]
            if inner:
                block = Block(block.start, min(inner))
            blocks[start] = block
            if block.falls and block.end < len(self.items):
                work.append(block.end)
            work += [self.labels[target] for target in block.targets]
        return blocks

    def _block_at(self, start: int) -> Block:
        """The block that begins at item `start`, up to its first way out or deopt."""
        for position in range(start, len(self.items)):
            item = self.items[position]
            ended: Block | None = None
            if position > start and isinstance(item, Label) and item.name in self.jump_targets:
                ended = Block(start, position)
            elif isinstance(item, MarkerItem) and item.kind == COLD:
                ended = _stopped(start, position, Reason(StopKind.COLD_ARM))
            elif isinstance(item, Cfi) and item.name == "cfi_endproc":
                # Behind a call that doesn't return, or where the compiler proved that nothing
                # defined comes here: whatever the plain build does, the Fallback does.
                ended = _stopped(start, position, Reason(StopKind.END))
            elif isinstance(item, Data):
                ended = _stopped(start, position, Reason(StopKind.DATA))
            elif isinstance(item, InlineAsm):
                ended = self._ends_at_asm(start, position, item)
            elif isinstance(item, Insn):
                ended = self._ends(start, position, item)
            if ended is not None:
                return ended
        # clang writes .size ahead of .cfi_endproc.
        return _stopped(start, max(start, len(self.items)), Reason(StopKind.END))

    def _ends_at_asm(self, start: int, position: int, item: InlineAsm) -> Block | None:
        problem = self.ability.asm(item) or asm_frame_problem(
            self.items,
            position,
            item,
            self.rules[position],
            looked_at=self._is_looked_at(position),
        )
        if problem:
            return _stopped(start, position, Reason(StopKind.ASM_THAT, problem))
        targets = asm_targets(item)
        if any(target not in self.labels for target in targets):
            return _stopped(start, position, Reason(StopKind.ASM))
        return Block(start, position + 1, targets=targets) if targets else None

    def _is_looked_at(self, position: int) -> bool:
        return self.locations[position] in self.context.frame_reads

    def _ends(self, start: int, position: int, item: Insn) -> Block | None:
        """The block that ends at an instruction, before it or behind it; None: it goes on."""
        reason = self.ability.instruction(item)
        flow, operands = flow_of(item.mnemonic), item.operands
        if reason is not None:
            return _stopped(start, position, reason)
        tail = flow is Flow.BRANCH and operands not in self.labels
        if tail and not self.ability.conditional_tail_calls:
            callee = operands.removesuffix("@PLT")
            return _stopped(start, position, Reason(StopKind.CONDITIONAL_TAIL_CALL), callee)
        rule, looked_at = self.rules[position], self._is_looked_at(position)
        reason = frame_problem(self.items, position, item, rule, looked_at=looked_at)
        if reason is not None:
            return _stopped(start, position, reason)
        if flow in _NO_WAY_ON:
            return Block(start, position + 1, falls=False)
        if flow is Flow.SYSTEM:
            return _stopped(start, position, Reason(StopKind.MNEMONIC, item.mnemonic))
        if flow is Flow.JUMP:
            return self._ends_at_jump(start, position, operands)
        if flow is Flow.BRANCH:
            if operands in self.labels:
                return Block(start, position + 1, targets=(operands,))
            name = operands.removesuffix("@PLT")
            return self._stops_before(start, position, name) or Block(start, position + 1)
        if flow is Flow.CALL:
            called = direct_name(operands)
            if called is None:
                return self._stops_before_pointer(start, position, operands)
            return self._stops_before(start, position, called)
        return None

    def _ends_at_jump(self, start: int, position: int, operands: str) -> Block:
        behind = Block(start, position + 1, falls=False)
        if operands in self.labels:
            return Block(start, position + 1, falls=False, targets=(operands,))
        name = direct_name(operands)
        if name is not None:
            return self._stops_before(start, position, name) or behind
        table = self.jump_table(start, position, operands[1:])
        if table is not None:
            return Block(start, position + 1, falls=False, targets=table.entries)
        stopped = self._stops_before_pointer(start, position, operands)
        if stopped is not None and stopped.stop == Reason(StopKind.INDIRECT_CALL_BY_R11):
            return stopped
        if not self.is_tail_call(position):
            return _stopped(start, position, Reason(StopKind.COMPUTED_JUMP))
        return stopped or behind

    def _stops_before(self, start: int, position: int, name: str) -> Block | None:
        """The block that ends before a call of `name`, where Elite can't make it."""
        callee = self.ability.resolve(name)
        if callee.how is not How.DEOPT:
            return None
        assert callee.reason is not None
        return _stopped(start, position, callee.reason, name)

    def _stops_before_pointer(self, start: int, position: int, operands: str) -> Block | None:
        """The same for a call through a pointer."""
        if self.ability.any_target:
            return None
        if "%r11" in operands and "(" in operands:
            # No register is left for the pointer, should this be a deopt after all.
            return _stopped(start, position, Reason(StopKind.INDIRECT_CALL_BY_R11))
        if not self.observed(position):
            return _stopped(start, position, Reason(StopKind.INDIRECT_CALL))
        return None

    def observed(self, position: int) -> Sequence[tuple[str, Callee]]:
        """What was seen to be called through a pointer here, and can be called directly."""
        return self.ability.observed(*self.locations[position])

    @cached_property
    def jump_targets(self) -> frozenset[str]:
        """Labels that something jumps to."""
        found: set[str] = set()
        for item in self.items:
            if isinstance(item, Insn):
                if is_branch(item.mnemonic):
                    found.add(item.operands)
                if ".L" in item.operands:
                    for name in LOCAL_LABEL.findall(item.operands):
                        found.update(self.context.file.tables.get(name, ()))
            elif isinstance(item, InlineAsm):
                found.update(asm_targets(item))
        return frozenset(found)

    def is_tail_call(self, position: int) -> bool:
        """An indirect jump with nothing left on the stack is a call through a pointer."""
        rule = self.rules[position]
        return not rule.problem and rule.register == RSP and rule.offset == 8

    def jump_table(self, start: int, position: int, operand: str) -> JumpTable | None:
        """The table of a switch's jump to `operand`, which is read at `start` or behind it."""
        match = _TABLE_OPERAND.match(operand)
        reader = position
        if match is None and operand.startswith("%"):
            for reader in range(position - 1, start - 1, -1):
                item = self.items[reader]
                if not isinstance(item, Insn):
                    continue
                if item.mnemonic in ("mov", "movq") and item.operands.endswith(f", {operand}"):
                    match = _TABLE_OPERAND.match(item.operands.rpartition(", ")[0].strip())
                if operand[2:] in item.operands:
                    break
        if match is None:
            return None
        entries = self.context.file.tables.get(match.group(1))
        if not entries or any(entry not in self.labels for entry in entries):
            return None
        return JumpTable(reader, entries, match.group(1))

    def left_at(self, position: int) -> int | None:
        """The item where Elite leaves when the block at `position` holds nothing but a deopt."""
        block = self.blocks[position]
        if block.stop is None:
            return None
        for item in self.items[block.start : block.end]:
            if isinstance(item, (Insn, InlineAsm)) or (
                isinstance(item, MarkerItem) and (item.kind == ENTRY or self.context.stress)
            ):
                return None
        return block.end

    def reached(self) -> Iterator[Item]:
        """The items of all blocks."""
        for block in self.blocks.values():
            yield from self.items[block.start : block.end]

    def entries(self) -> list[MarkerItem]:
        """Entry marker instances that are reached."""
        return [i for i in self.reached() if isinstance(i, MarkerItem) and i.kind == ENTRY]

    def stops(self) -> tuple[Stop, ...]:
        """Where Elite leaves whatever the data (cold arms are not among them); a place that was
        copied counts once."""
        found: dict[Stop, None] = {}
        for _, block in sorted(self.blocks.items()):
            if block.stop is not None and block.stop.told:
                file, line = self.locations[block.end]
                found[Stop(file, line, str(block.stop), block.callee)] = None
        return tuple(found)

    # -- what the blocks need -----------------------------------------------------------------

    @cached_property
    def loop_heads(self) -> frozenset[int]:
        """Blocks that something behind them jumps to."""
        return frozenset(
            self.labels[target]
            for block in self.blocks.values()
            for target in block.targets
            if self.labels[target] < block.end
        )

    @cached_property
    def makes_calls(self) -> bool:
        """Whether a call is reached."""
        return any(isinstance(i, Insn) and flow_of(i.mnemonic) is Flow.CALL for i in self.reached())

    @cached_property
    def frame_size(self) -> int:
        """Bytes of stack that the function takes, as far as it is told: from the return address's
        upper end, and all that its text subtracts."""
        told = (
            self.rules[position].offset
            for block in self.blocks.values()
            for position in range(block.start, block.end)
            if not self.rules[position].problem and self.rules[position].register != RBP
        )
        return max([0, *told, *self._adjustments()])

    def _adjustments(self) -> Iterator[int]:
        """What is subtracted from the stack pointer, where the frame is not told relative to it."""
        for item in self.items:
            if isinstance(item, Insn) and item.mnemonic in ("subq", "sub"):
                match = re.fullmatch(r"\$(\d+), %rsp", item.operands)
                if match:
                    yield int(match.group(1))

    # -- liveness -----------------------------------------------------------------------------

    def flags_live(self, position: int) -> bool:
        """Whether an instruction from `position` on may read the flags as they are before it."""
        return self._live[position]

    @cached_property
    def _live(self) -> Sequence[bool]:
        return flags_live(self.items, self._ways)

    def _ways(self, position: int, item: Insn) -> Ways | None:
        """Where a branch may go; None for what is none."""
        flow, operands = flow_of(item.mnemonic), item.operands
        if flow is Flow.JUMP and operands.startswith("*"):
            table = self.jump_table(self._straight_from(position), position, operands[1:])
            if table is not None:
                return Ways(tuple(self.labels[entry] for entry in table.entries), falls=False)
            # A tail call has no flags to hand over; `goto *p` may have.
            return Ways(falls=False, unknown=not self.is_tail_call(position))
        if flow in (Flow.JUMP, Flow.BRANCH):
            known = operands in self.labels
            targets = (self.labels[operands],) if known else ()
            elsewhere = operands.startswith(".L") and not known
            return Ways(targets, falls=flow is Flow.BRANCH, unknown=elsewhere)
        return Ways(falls=False) if flow in _NO_WAY_ON else None

    def _straight_from(self, position: int) -> int:
        """The first item from which nothing but straight text leads to `position`."""
        while position:
            before = self.items[position - 1]
            if isinstance(before, Label):
                break
            if isinstance(before, Insn) and flow_of(before.mnemonic) is Flow.JUMP:
                break
            position -= 1
        return position


def analyse(function: AsmFunction, context: Context, ability: Ability) -> Analysis:
    """The analysis of `function` for a form of Elite that has `ability`. Raises NotElite when the
    function can't be projected."""
    labels = {item.name: at for at, item in enumerate(function.items) if isinstance(item, Label)}
    if function.name not in labels:
        raise NotElite("its entry label was not found")
    locations = _locations(function.items, context.source_name)
    return Analysis(function, context, ability, rules_at(function.items), labels, locations)


def _locations(items: Sequence[Item], source_name: Callable[[int], str]) -> list[tuple[str, int]]:
    places: list[tuple[str, int]] = []
    place = ("?", 0)
    for item in items:
        if isinstance(item, Loc):
            # Line 0 marks code that belongs to no line; keep the last that does.
            place = (source_name(item.file), item.source_line or place[1])
        places.append(place)
    return [*places, place]
