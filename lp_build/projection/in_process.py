# SPDX-License-Identifier: GPL-2.0-only
"""The form of Elite that runs in the program's own process."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from lp_build.model.abi import SiteKind
from lp_build.projection.cfg import Ability, Analysis, Block, JumpTable, direct_name
from lp_build.projection.cfi import RSP, FrameRule
from lp_build.projection.cleanups import Cleanups, Frames
from lp_build.projection.fallback import Edits
from lp_build.projection.inline_asm import LOCAL_LABEL, asm_problem, asm_targets
from lp_build.projection.instructions import Flow, flow_of
from lp_build.projection.items import Align, Data, InlineAsm, Insn, Loc, MarkerItem
from lp_build.projection.places import Exits, Names, ProgramSites, Stub
from lp_build.projection.records import Tables
from lp_build.projection.stops import Callee, How

PREFIX = "lp"
SUFFIX = "lp_elite"


def in_process_ability(
    resolve: Callable[[str], Callee],
    observed: Callable[[str, int], Sequence[tuple[str, Callee]]],
) -> Ability:
    """What it can do: all that the Fallback can, but for what a deopt could not follow."""
    return Ability(
        resolve=resolve,
        observed=observed,
        instruction=lambda insn: None,
        asm=asm_problem,
        conditional_tail_calls=True,
        any_target=True,
    )


class InProcess:
    """Emits one function. Records go to `tables`, the Fallback's labels to `edits`."""

    def __init__(self, analysis: Analysis, tables: Tables, edits: Edits) -> None:
        self.analysis = analysis
        self._tables = tables
        self._names = Names(PREFIX, analysis.function.label_line)
        self._sites = ProgramSites(analysis, self._names, tables, edits)
        self.exits = Exits(self._sites, self._sites, "lp_deopt")
        self._frames = Frames(analysis.rules)
        self._cleanups = Cleanups(analysis, self._names)
        self._late: list[tuple[FrameRule, list[str], str]] = []  # with landing pads
        self._switches: list[str] = []

    # -- blocks -------------------------------------------------------------------------------

    def begin(self, block: Block) -> Iterator[str]:
        """See Emitter."""
        yield from self._alignment(block.start)
        yield f"{self._names.block(block.start)}:"

    def _alignment(self, start: int) -> list[str]:
        """The alignment that stands before the label which begins a block."""
        found: list[str] = []
        for item in reversed(self.analysis.items[:start]):
            if isinstance(item, (Insn, InlineAsm, MarkerItem, Data)):
                break
            if isinstance(item, Align):
                found.append(f"\t{item.text}")
        return found[::-1]

    def reach(self, position: int) -> Iterator[str]:
        """See Emitter."""
        yield from self._frames.reach(position)

    def location(self, item: Loc) -> Iterator[str]:
        """See Emitter."""
        if self.analysis.context.keep_debug:
            yield f"\t.loc {item.file} {item.source_line} {item.column}"

    def asm(self, position: int, item: InlineAsm) -> Iterator[str]:
        """See Emitter."""
        targets = set(asm_targets(item))
        text = [
            "\t"
            + LOCAL_LABEL.sub(
                lambda m: self.exits.target(m.group(0)) if m.group(0) in targets else m.group(0),
                statement,
            )
            for statement in item.statements
        ]
        yield from self._cleanups.covered(text, self._cleanups.pad(position))

    def instruction(self, block: Block, position: int, item: Insn) -> Iterator[str]:
        """See Emitter."""
        text = list(self._made(block, position, item))
        yield from self._cleanups.covered(text, self._cleanups.pad(position))

    def finish(self, body: Sequence[str]) -> list[str]:
        """See Emitter."""
        symbol = f"{self.analysis.function.name}.{SUFFIX}"
        text = [*body, *self._late_text()]
        head, cleanups = self._cleanups.table(symbol)
        return [
            "\t.p2align 4",
            f"\t.type {symbol}, @function",
            f"{symbol}:",
            "\t.cfi_startproc",
            *head,
            *text,
            "\t.cfi_endproc",
            *self._switches,
            *cleanups,
            "\tud2",
            f"\t.size {symbol}, .-{symbol}",
        ]

    def _late_text(self) -> Iterator[str]:
        """What is out of line, and the stubs, each in the frame of its place."""
        for rule, text, pad in self._late:
            yield from self._frames.change(rule)
            yield from self._cleanups.covered(text, pad)
        for rule, stubs in self.exits.stubs():
            yield from self._frames.change(rule)
            for stub in stubs:
                yield from _stub(stub, moves=rule.register == RSP)

    # -- instructions -------------------------------------------------------------------------

    def _made(self, block: Block, position: int, item: Insn) -> Iterator[str]:
        match flow_of(item.mnemonic):
            case Flow.CALL:
                yield from self._call(position, item)
            case Flow.JUMP:
                yield from self._jump(block, position, item)
            case Flow.BRANCH:  # a conditional tail call
                callee = self.analysis.ability.resolve(item.operands.removesuffix("@PLT"))
                target = item.operands if callee.how is How.PLAIN else callee.symbol
                yield f"\t{item.mnemonic} {target}"
            case _:
                table = self._table_read_by(block, position)
                yield f"\t{item.text if table is None else self._own_table(item, position, table)}"

    def _table_read_by(self, block: Block, position: int) -> JumpTable | None:
        """The table of the jump that ends the block, where this instruction reads it."""
        last = self.analysis.items[block.end - 1]
        if not (block.targets and isinstance(last, Insn) and last.operands.startswith("*%")):
            return None
        found = self.analysis.jump_table(block.start, block.end - 1, last.operands[1:])
        return found if found is not None and found.reader == position else None

    def _own_table(self, item: Insn, position: int, table: JumpTable) -> str:
        """The instruction with Elite's own copy of a jump table: hot arms to Elite, cold ones to
        stubs."""
        name = self._names.at("t", position)
        entries = [self.exits.target(entry) for entry in table.entries]
        self._switches += ['\t.pushsection .rodata.lp_elite,"a",@progbits', "\t.p2align 3"]
        self._switches += [f"{name}:", *(f"\t.quad {entry}" for entry in entries), "\t.popsection"]
        return item.text.replace(table.label, name, 1)

    def _jump(self, block: Block, position: int, item: Insn) -> Iterator[str]:
        operands = item.operands
        if operands in self.analysis.labels:
            yield f"\tjmp {self.exits.target(operands)}"
            return
        if direct_name(operands) is None:
            table = self.analysis.jump_table(block.start, position, operands[1:])
            if table is None:
                yield from self._indirect(position, item, "jmp")
            elif table.reader == position:
                yield f"\t{self._own_table(item, position, table)}"
            else:
                yield f"\t{item.text}"
            return
        if self.analysis.context.stress:
            yield from self.force(position, operands)
        yield f"\tjmp {self._named(operands)}"

    def _call(self, position: int, item: Insn) -> Iterator[str]:
        name = direct_name(item.operands)
        if name is None:
            yield from self._indirect(position, item, "call")
            return
        if self.analysis.context.stress:
            yield from self.force(position, name)
        # A record for each: what is called may jump on into Elite, which may leave.
        yield f"\tcall {self._named(item.operands)}"
        yield f"{self._return(position)}:"

    def _named(self, operands: str) -> str:
        """What a call or jump whose operands name a function has for operands here."""
        callee = self.analysis.ability.resolve(direct_name(operands) or operands)
        if callee.how is How.PLAIN:
            return operands
        # Of a stub: what it would do, without going there.
        return "*lp_request_target(%rip)" if callee.how is How.STUB else callee.symbol

    def _return(self, position: int, serial: str = "") -> str:
        """A return label in Elite, with its record."""
        label = self._names.at("q", position, serial)
        rule = self.analysis.rules[position]
        self._tables.returns.append((label, self._sites.fallback_behind(position), rule))
        return label

    def force(self, position: int, what: str) -> Iterator[str]:
        """See Emitter."""
        back, stub = self._names.at("c", position), self._names.at("k", position)
        name = self._sites.call_name(position, what)
        self.exits.add(stub, self._sites.record(position, SiteKind.FORCE, name, back), "lp_force")
        yield "\tcmpb $0, lp_force_armed(%rip)"
        yield f"\tjne {stub}"
        yield f"{back}:"

    def _indirect(self, position: int, item: Insn, verb: str) -> Iterator[str]:
        """Thesis 3.4.1: the observed targets, then what the table has, then the pointer's own."""
        operand = item.operands[1:]
        if self.analysis.context.stress:
            yield from self.force(position, item.operands)
        load = [] if operand == "%r11" else [f"\tmovq {operand}, %r11"]
        base = self._names.at("i", position)
        rule, pad = self.analysis.rules[position].described(), self._cleanups.pad(position)
        straight: list[str] = []
        text = straight
        pointer = operand  # the first target is compared where the pointer is
        for serial, (symbol, callee) in enumerate(self.analysis.observed(position), 1):
            text += [f"\tcmpq ${symbol}, {pointer}", f"\tjne {base}_{serial}"]
            done = f"{base}_done:" if text is straight else f"\tjmp {base}_done"
            text += self._to(position, verb, callee.symbol, f"_{serial}", done)
            # The observed target stays in line; whatever else is called comes out of line.
            text = [f"{base}_{serial}:", *load]
            self._late.append((rule, text, pad))
            pointer, load = "%r11", []
        text += [*load, "\tcall lp_lookup"]
        done = f"{base}_done:" if text is straight else f"\tjmp {base}_done"
        text += self._to(position, verb, "*%r11", "_t", done)
        yield from straight

    def _to(self, position: int, verb: str, target: str, serial: str, done: str) -> Iterator[str]:
        """The call or jump itself, and a call's way back."""
        yield f"\t{verb} {target}"
        if verb == "call":
            yield f"{self._return(position, serial)}:"
            yield done


def _stub(stub: Stub, *, moves: bool) -> Iterator[str]:
    """moves: the frame is found by %rsp, which pushing moves."""
    yield from (f"{stub.label}:", f"\tpushq ${stub.record}")
    if moves:
        yield "\t.cfi_adjust_cfa_offset 8"
    yield f"\tjmp {stub.where}"
    if moves:
        yield "\t.cfi_adjust_cfa_offset -8"
