# SPDX-License-Identifier: GPL-2.0-only
"""The Elite projection of one function: the blocks reachable without passing a marker.

Control-flow facts come from the assembly itself. Whatever can't be proven right becomes a deopt
just before it: the same compile stands behind both sides, so any instruction boundary will do.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property

from lp_build.model.markers import ARM, COLD, ENTRY, LOOP, Marker
from lp_build.projection.assembly import (
    Align,
    AsmFile,
    AsmFunction,
    Cfi,
    Data,
    InlineAsm,
    Insn,
    Item,
    Label,
    Loc,
    MarkerItem,
    TlsCall,
    parse_instruction,
)
from lp_build.projection.cfi import (
    NAMES,
    RETURN_ADDRESS,
    RSP,
    CfiError,
    FrameRule,
    directives,
    rules_at,
)
from lp_build.projection.operands import memory_of, operands_of, written
from lp_build.projection.records import SiteKind, SiteRecord, Tables, check_rule
from lp_build.projection.unwinding import Region, regions_of, table

_INVERSE = {
    "ja": "jbe", "jbe": "ja", "jae": "jb", "jb": "jae", "jc": "jnc", "jnc": "jc",
    "je": "jne", "jne": "je", "jg": "jle", "jle": "jg", "jge": "jl", "jl": "jge",
    "jo": "jno", "jno": "jo", "jp": "jnp", "jnp": "jp", "js": "jns", "jns": "js",
    "jz": "jnz", "jnz": "jz", "jna": "ja", "jnae": "jae", "jnb": "jb", "jnbe": "jbe",
    "jng": "jg", "jnge": "jge", "jnl": "jl", "jnle": "jle", "jpe": "jpo", "jpo": "jpe",
}  # fmt: skip
_OTHER_BRANCHES = frozenset("jcxz jecxz jrcxz loop loope loopne loopz loopnz xbegin".split())
_JUMPS = frozenset(("jmp", "jmpq"))
_CALLS = frozenset(("call", "callq"))
_RETURNS = frozenset(("ret", "retq"))
_TRAPS = frozenset(("ud2", "hlt", "int3"))
_POPS = frozenset(("pop", "popq", "leave", "leaveq"))
# How a frame without a frame pointer grows and shrinks.
_ADJUSTS = re.compile(
    r"^(?:(?:add|sub|and)q?\s+\$[-+\w]+,|lea?q?\s+[-+\w]*\(%rsp\),|movq?\s+%rbp,)\s*%rsp$"
)
# Left to the Fallback: they change what the tables or the kernel body can't follow.
_SYSTEM = frozenset("syscall sysenter int iret iretq lret lretq sysret sysretq wrfsbase".split())
# Why a block ends where nobody comes, or where the data decide: no stops to tell of.
_COLD_ARM = "cold"
_END = "the end of its text"
# Labels in the Fallback's text, whichever projection asks for them.
FALLBACK_PREFIX = "lp"
_TABLE_OPERAND = re.compile(r"^(\.L[\w.$]+)\(,(%r\w+),8\)$")
_LOCAL_LABEL = re.compile(r"\.L[\w.$]+")
_FP = re.compile(r"%[xyz]mm\d|%st\b|%mm\d|\bf(?:ld|st|add|mul|div|sub)\w*\b")


def is_branch(mnemonic: str) -> bool:
    """Whether `mnemonic` may jump."""
    return mnemonic in _JUMPS or is_conditional(mnemonic)


def is_conditional(mnemonic: str) -> bool:
    """Whether `mnemonic` may either jump or fall through."""
    return mnemonic in _INVERSE or mnemonic in _OTHER_BRANCHES


@dataclass(frozen=True)
class Callee:
    """What a direct call or tail call in Elite becomes.

    how: "elite" (symbol is Elite's own copy), "stub" (the request function: dispatched, or run on
    the slot that it is on), "plain" (as it stands: it returns into Elite, whoever it is) or "deopt"
    (before the call, for `reason`).
    """

    how: str
    symbol: str = ""
    reason: str = ""


@dataclass(frozen=True)
class Context:
    """What a function's projection needs to know of its unit. forms: it is one of our own, and its
    `syscall` instructions have a kernel form. shown_as: what functions are called in sites' names,
    by symbol, where that is not the symbol. frame_reads: the (file, line) of what sees callers'
    frames, from wherever it was inlined."""

    file: AsmFile
    tables: Tables
    markers: Sequence[Marker]
    resolve: Callable[[str], Callee]
    observed: Callable[[str, int], Sequence[tuple[str, Callee]]]
    source_name: Callable[[int], str]
    stress: bool
    keep_debug: bool
    prefix: str
    forms: bool = False
    shown_as: Mapping[str, str] = field(default_factory=dict)
    frame_reads: frozenset[tuple[str, int]] = frozenset()


@dataclass
class Edits:
    """What the Fallback's text gets: labels before and after lines, by line number."""

    before: dict[int, list[str]] = field(default_factory=dict)
    after: dict[int, list[str]] = field(default_factory=dict)
    _serial: int = 0

    def label_before(self, line: int, prefix: str) -> str:
        """A label at `line`; one label serves all that ask for the same place."""
        name = f".L{prefix}f{line}"
        labels = self.before.setdefault(line, [])
        if f"{name}:" not in labels:
            labels.append(f"{name}:")
        return name

    def label_after(self, line: int, prefix: str) -> str:
        """A label behind the instruction on `line` (its return address, for a call)."""
        name = f".L{prefix}r{line}"
        labels = self.after.setdefault(line, [])
        if f"{name}:" not in labels:
            labels.append(f"{name}:")
        return name


@dataclass
class Block:
    """Items [start, end) of a function; `stop` says why Elite ends before item `end`, and `callee`
    before the call of what, where it is a call of a name."""

    start: int
    end: int
    stop: str = ""
    falls: bool = True
    targets: tuple[str, ...] = ()
    callee: str = ""


@dataclass(frozen=True)
class Stop:
    """A place on the hot path, by the original source, where Elite always leaves, for `reason`;
    callee: what would be called there, for a call of a name."""

    file: str
    line: int
    reason: str
    callee: str = ""


@dataclass(frozen=True)
class EliteFunction:
    """One function's Elite copy and what reports say of it. stops: where it leaves whatever the
    data (cold arms are not among them)."""

    name: str
    text: tuple[str, ...]
    instructions: int
    uses_fp: bool
    deopts: int
    stops: tuple[Stop, ...] = ()


class NotElite(Exception):
    """The function can't be projected; the message is the reason for reports."""


def _locals_in(statement: str) -> list[str]:
    return _LOCAL_LABEL.findall(statement)


# What differs in Elite: its own text's addresses, relative to itself.
_OWN_ADDRESS = re.compile(r"(?:^|[\s,$*])(?:\d+[bf]\b|[-+\d]*\(%rip\)|\.(?:[-+]\d+)?(?=[\s,(]|$))")
_ASM_LABEL = re.compile(r"^\s*([\w.$]+)\s*:\s*(.*)$", re.S)


def asm_problem(item: InlineAsm) -> str:
    """Why an asm statement can't be copied into Elite ("" if it can)."""
    if isinstance(item, TlsCall):
        return ""
    for statement in item.statements:
        text = statement
        while True:
            label = _ASM_LABEL.match(text)
            if not label:
                break
            if not label.group(1).isdigit():
                return f"defines label {label.group(1)}"
            text = label.group(2)
        if not text:
            continue
        word = text.split()[0]
        if word.startswith("."):
            if word not in (".byte", ".p2align", ".balign", ".align", ".nop", ".nops"):
                return f"has directive {word}"
            continue
        insn = parse_instruction(0, text)
        if insn.mnemonic in _CALLS or insn.mnemonic in _RETURNS or insn.mnemonic in _SYSTEM:
            return f"has instruction {insn.mnemonic}"
        if _OWN_ADDRESS.search(insn.operands) and not is_branch(insn.mnemonic):
            return "names its own address"
        if is_branch(insn.mnemonic):
            target = insn.operands
            if not (re.fullmatch(r"\d+[bf]", target) or target.startswith(".L")):
                return f"jumps to {target}"
    return ""


def _asm_targets(item: InlineAsm) -> tuple[str, ...]:
    found: list[str] = []
    for statement in item.statements:
        insn = parse_instruction(0, statement.rpartition(":")[2] or "nop")
        if insn.mnemonic in _JUMPS or is_conditional(insn.mnemonic):
            found += _locals_in(insn.operands)
    return tuple(found)


class Projector:
    """Projects one function. `emit` gives the text; the Fallback's labels go to `edits`."""

    suffix = "lp_elite"
    leave = "lp_deopt"
    force = "lp_force"
    unwound = True  # frames of it may be, by exceptions

    def __init__(self, function: AsmFunction, context: Context, edits: Edits) -> None:
        self.function = function
        self.context = context
        self.edits = edits
        self.items = function.items
        self.rules = rules_at(self.items)
        self.labels = {
            item.name: position
            for position, item in enumerate(self.items)
            if isinstance(item, Label)
        }
        self.locations = self._locations()
        self.blocks: dict[int, Block] = {}
        self.out: list[str] = []
        self.tail: list[str] = []
        self.late: list[tuple[FrameRule, list[str], str]] = []  # with landing pads
        self.cleanups: list[Region] = []
        self.leaving: dict[FrameRule, list[str]] = {}  # stubs
        self.stubs: dict[tuple[int, int], str] = {}
        self.state: FrameRule | None = None
        self.count = 0
        self.deopts = 0
        self.fp = False

    def _locations(self) -> list[tuple[str, int]]:
        places: list[tuple[str, int]] = []
        place = ("?", 0)
        for item in self.items:
            if isinstance(item, Loc):
                # Line 0 marks code that belongs to no line; keep the last that does.
                line = item.source_line or place[1]
                place = (self.context.source_name(item.file), line)
            places.append(place)
        places.append(place)
        return places

    # -- analysis -----------------------------------------------------------------------------

    def _block_at(self, start: int) -> Block:
        """The block that begins at item `start`, up to its first way out or deopt."""
        position = start
        while position < len(self.items):
            item = self.items[position]
            if position > start and isinstance(item, Label) and self._is_target(item.name):
                return Block(start, position)
            if isinstance(item, MarkerItem) and item.kind == COLD:
                return Block(start, position, stop=_COLD_ARM, falls=False)
            if isinstance(item, Cfi) and item.name == "cfi_endproc":
                # Behind a call that doesn't return, or where the compiler proved that nothing
                # defined comes here: whatever the plain build does, the Fallback does.
                return Block(start, position, stop=_END, falls=False)
            if isinstance(item, Data):
                return Block(start, position, stop="data among its instructions", falls=False)
            if isinstance(item, InlineAsm):
                problem = self._asm_problem(item) or self._asm_frame_problem(position, item)
                if problem:
                    stop = f"inline assembly that {problem}"
                    return Block(start, position, stop=stop, falls=False)
                targets = _asm_targets(item)
                if any(target not in self.labels for target in targets):
                    return Block(start, position, stop="inline assembly", falls=False)
                if targets:
                    return Block(start, position + 1, targets=targets)
            if isinstance(item, Insn):
                ended = self._ends(start, position, item)
                if ended is not None:
                    return ended
            position += 1
        # clang writes .size ahead of .cfi_endproc.
        return Block(start, position, stop=_END, falls=False)

    def _asm_problem(self, item: InlineAsm) -> str:
        """Why an asm statement can't be copied ("" if it can)."""
        return asm_problem(item)

    def _is_target(self, label: str) -> bool:
        return label in self.targets

    @property
    def targets(self) -> set[str]:
        """Labels that something jumps to."""
        cached = self.__dict__.get("_targets")
        if cached is None:
            cached = set()
            for item in self.items:
                if isinstance(item, Insn):
                    if item.mnemonic in _JUMPS or is_conditional(item.mnemonic):
                        cached.add(item.operands)
                    if ".L" in item.operands:
                        for name in _locals_in(item.operands):
                            cached.update(self.context.file.tables.get(name, ()))
                elif isinstance(item, InlineAsm):
                    cached.update(_asm_targets(item))
            self.__dict__["_targets"] = cached
        return cached

    def _ends(self, start: int, position: int, item: Insn) -> Block | None:
        mnemonic, operands = item.mnemonic, item.operands
        problem = self._frame_problem(position, item)
        if problem:
            return Block(start, position, stop=problem, falls=False)
        if mnemonic in _RETURNS or mnemonic in _TRAPS:
            return Block(start, position + 1, falls=False)
        if mnemonic in _SYSTEM:
            return Block(start, position, stop=mnemonic, falls=False)
        if mnemonic in _JUMPS:
            if operands in self.labels:
                return Block(start, position + 1, falls=False, targets=(operands,))
            name = self._direct_name(operands)
            if name is not None:
                return self._tail_call(start, position, name, falls=False)
            table = self._jump_table(start, position, operands[1:])
            if table is not None:
                return Block(start, position + 1, falls=False, targets=table[1])
            if self._is_tail_call(position):
                return Block(start, position + 1, falls=False)
            return Block(start, position, stop="a jump by a computed address", falls=False)
        if is_conditional(mnemonic):
            if operands in self.labels:
                return Block(start, position + 1, targets=(operands,))
            return self._tail_call(start, position, operands.removesuffix("@PLT"), falls=True)
        if mnemonic in _CALLS:
            name = self._direct_name(operands)
            return self._stops_before(start, position, name) if name else None
        return None

    def _frame_problem(self, position: int, item: Insn) -> str:
        """Why an instruction that sees or leaves its frame can't run in Elite ("" if it can)."""
        rule = self.rules[position]
        if rule.problem:
            return ""  # no record can be made here, and so no deopt
        if self.locations[position] in self.context.frame_reads:
            return "its frame is looked at, by code that was inlined"
        register = NAMES.get(rule.register, "")
        memory = memory_of(item)
        if (
            memory is not None
            and (memory.base, memory.index) == (register, "")
            and memory.number == rule.offset + RETURN_ADDRESS
        ):
            return "its return address is read"
        changed = written(item) or frozenset()
        if "rbp" in changed and register == "rbp" and item.mnemonic not in _POPS:
            return "its frame pointer is replaced"
        if "rsp" in changed and operands_of(item)[-1:] == ["%rsp"]:
            if register == "rsp" and not _ADJUSTS.match(item.text):
                return "its stack pointer is replaced"
            if register != "rsp" and self._leaves_frame(position):
                return "its stack pointer is replaced"
        return ""

    def _asm_frame_problem(self, position: int, item: InlineAsm) -> str:
        for statement in item.statements:
            code = statement.rpartition(":")[2].strip()
            if code and not code.startswith("."):
                problem = self._frame_problem(position, parse_instruction(item.line, code))
                if problem:
                    return f"says that {problem}"
        return ""

    def _leaves_frame(self, position: int) -> bool:
        """Whether what follows a change of %rsp at `position` goes to another frame, as
        `__builtin_longjmp` does, before it can branch otherwise."""
        for item in self.items[position + 1 :]:
            if isinstance(item, Label):
                return False
            if isinstance(item, Insn):
                if item.mnemonic in _JUMPS:
                    return item.operands.startswith("*")
                if item.mnemonic in _CALLS or item.mnemonic in _RETURNS:
                    return False
                if is_conditional(item.mnemonic):
                    return False
                if "rbp" in (written(item) or ()) and item.mnemonic not in _POPS:
                    return True
        return False

    def _tail_call(self, start: int, position: int, name: str, *, falls: bool) -> Block:
        ended = self._stops_before(start, position, name)
        return ended or Block(start, position + 1, falls=falls)

    def _stops_before(self, start: int, position: int, name: str) -> Block | None:
        """The block that ends before a call of `name`, where Elite can't make it."""
        callee = self.context.resolve(name)
        if callee.how != "deopt":
            return None
        return Block(start, position, stop=callee.reason, falls=False, callee=name)

    @staticmethod
    def _direct_name(operands: str) -> str | None:
        """The symbol that a call or jump names, or None for one through a register or memory."""
        if not operands.startswith("*"):
            return operands.removesuffix("@PLT")
        match = re.fullmatch(r"\*([\w.$]+)@GOTPCREL\(%rip\)", operands)
        return match.group(1) if match else None

    def _is_tail_call(self, position: int) -> bool:
        """An indirect jump with nothing left on the stack is a call through a pointer."""
        rule = self.rules[position]
        return not rule.problem and rule.register == 7 and rule.offset == 8

    def _jump_table(
        self, start: int, position: int, operand: str
    ) -> tuple[int, tuple[str, ...], str] | None:
        """(item that reads the table, its entries, its label) for a switch's jump."""
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
        return reader, entries, match.group(1)

    def _alias(self, position: int) -> int | None:
        """The item where Elite leaves when block `position` holds nothing but a deopt."""
        block = self.blocks[position]
        if not block.stop:
            return None
        for item in self.items[block.start : block.end]:
            if isinstance(item, (Insn, InlineAsm)) or (
                isinstance(item, MarkerItem) and (item.kind == ENTRY or self.context.stress)
            ):
                return None
        return block.end

    def _reach(self) -> None:
        entry = self.labels.get(self.function.name)
        if entry is None:
            raise NotElite("its entry label was not found")
        work = [entry]
        work += [
            position
            for position, item in enumerate(self.items)
            if isinstance(item, MarkerItem) and item.kind == ENTRY
        ]
        roots = set(work)
        while work:
            start = work.pop()
            if start in self.blocks:
                continue
            block = self._block_at(start)
            # An entry marker within a block begins a block of its own.
            inner = [root for root in roots if block.start < root < block.end]
            if inner:
                block = Block(block.start, min(inner))
            self.blocks[start] = block
            if block.falls and block.end < len(self.items):
                work.append(block.end)
            work += [self.labels[target] for target in block.targets]

    # -- emission -----------------------------------------------------------------------------

    def _elite_label(self, position: int) -> str:
        return f".L{self.context.prefix}e{self._id}_{position}"

    @property
    def _id(self) -> int:
        return self.function.label_line

    def _site(self, position: int, kind: SiteKind, name: str, elite: str = "0") -> SiteRecord:
        item = self._item(position)
        rule = self.rules[position]
        check_rule(rule)
        file, line = self.locations[position]
        if isinstance(item, MarkerItem):
            marker = self.context.markers[item.index]
            name, file, line = marker.site, marker.file, marker.line
        tables = self.context.tables
        record = SiteRecord(
            label=f".L{self.context.prefix}d{len(tables.sites)}",
            fallback=self._fallback_before(item),
            rule=rule,
            name=name,
            file=file,
            line=line,
            kind=kind,
            elite=elite,
        )
        tables.sites.append(record)
        return record

    def _fallback_before(self, item: Item) -> str:
        """The Fallback's label at `item`."""
        return self.edits.label_before(item.line, FALLBACK_PREFIX)

    def _item(self, position: int) -> Item:
        """The item at `position`; behind the last one, the end of the function's text."""
        if position < len(self.items):
            return self.items[position]
        if self.function.size_line < 0:
            raise NotElite("the end of its text was not found")
        return Cfi(self.function.size_line, "cfi_endproc", ())

    def _call_name(self, position: int, callee: str) -> str:
        file, line = self.locations[position]
        name = self.function.name
        return f"{file}:{self.context.shown_as.get(name, name)}:call@{line}:{callee}"

    def _stub(self, position: int) -> str:
        """The label of the stub that leaves Elite at item `position`."""
        key = (position, 0)
        if key not in self.stubs:
            item = self._item(position)
            if isinstance(item, MarkerItem):
                record = self._site(position, SiteKind.COLD, "")
            else:
                what = item.operands if isinstance(item, Insn) else type(item).__name__.lower()
                record = self._site(position, SiteKind.CALL, self._call_name(position, what))
            label = f".L{self.context.prefix}x{self._id}_{position}"
            self.stubs[key] = label
            self._leaves(label, record, self.leave)
            self.deopts += 1
        return self.stubs[key]

    def _leaves(self, label: str, record: SiteRecord, where: str) -> None:
        """The stub `label`: out of line, but in the function's frame, whatever unwinds there."""
        rule = record.rule.described()
        push, jump = f"\tpushq ${record.label}", f"\tjmp {where}"
        if rule.register == RSP:
            jump = f"\t.cfi_adjust_cfa_offset 8\n{jump}\n\t.cfi_adjust_cfa_offset -8"
        self.leaving.setdefault(rule, []).extend([f"{label}:", push, *jump.split("\n")])

    def _force(self, position: int, what: str) -> Iterator[str]:
        """A stress build's check: flags are dead here, all registers live."""
        back = f".L{self.context.prefix}c{self._id}_{position}"
        record = self._site(position, SiteKind.FORCE, self._call_name(position, what), elite=back)
        stub = f".L{self.context.prefix}k{self._id}_{position}"
        self._leaves(stub, record, self.force)
        yield "\tcmpb $0, lp_force_armed(%rip)"
        yield f"\tjne {stub}"
        yield f"{back}:"

    def _target(self, label: str) -> str:
        """Where a jump to `label` goes in Elite: a block of its own, or a stub."""
        position = self.labels[label]
        alias = self._alias(position)
        return self._stub(alias) if alias is not None else self._elite_label(position)

    def emit(self) -> EliteFunction:
        """Project. Raises NotElite with the reason when something reachable can't be."""
        self._reach()
        order = sorted(self.blocks)
        try:
            for index, start in enumerate(order):
                if self._alias(start) is not None and start != self.labels[self.function.name]:
                    continue
                following = next((s for s in order[index + 1 :] if self._alias(s) is None), None)
                self._emit_block(self.blocks[start], following)
        except CfiError as error:
            raise NotElite(f"{error}") from error
        text = self._framed([*self.out, *self._late_text()])
        return EliteFunction(
            self.function.name, tuple(text), self.count, self.fp, self.deopts, self._stops()
        )

    def _stops(self) -> tuple[Stop, ...]:
        """Where Elite leaves whatever the data; a place that was copied counts once."""
        found: dict[Stop, None] = {}
        for _, block in sorted(self.blocks.items()):
            if block.stop and block.stop not in (_COLD_ARM, _END):
                file, line = self.locations[block.end]
                found[Stop(file, line, block.stop, block.callee)] = None
        return tuple(found)

    def _framed(self, body: list[str]) -> list[str]:
        """The function around its text."""
        symbol = f"{self.function.name}.{self.suffix}"
        return [
            "\t.p2align 4",
            f"\t.type {symbol}, @function",
            f"{symbol}:",
            "\t.cfi_startproc",
            *self._unwinding(symbol),
            *body,
            "\t.cfi_endproc",
            *self.tail,
            "\tud2",
            f"\t.size {symbol}, .-{symbol}",
        ]

    def _late_text(self) -> list[str]:
        lines: list[str] = []
        state = self.state or FrameRule()
        stubs = ((rule, chunk, "") for rule, chunk in self.leaving.items())
        for rule, chunk, pad in [*self.late, *stubs]:
            lines += [*directives(state, rule), *self._covered(chunk, pad)]
            state = rule
        return lines

    # -- cleanups -----------------------------------------------------------------------------

    @cached_property
    def _pads(self) -> dict[int, str]:
        """The landing pads of items that have one, by position: labels of the Fallback."""
        pads: dict[int, str] = {}
        for item in self.items if self.unwound else ():
            if not (isinstance(item, Cfi) and item.name == "cfi_lsda" and len(item.arguments) > 1):
                continue
            for region in regions_of(self.context.file.lines, item.arguments[1]):
                if region.start not in self.labels or region.end not in self.labels:
                    raise CfiError("a table of exceptions for another function's text")
                for position in range(self.labels[region.start], self.labels[region.end]):
                    pads[position] = region.pad
        return pads

    def _covered(self, text: list[str], pad: str) -> list[str]:
        """`text`, which goes on at the Fallback's `pad` when it is unwound ("": it does not)."""
        if not pad:
            return text
        name = f".L{self.context.prefix}u{self._id}_{len(self.cleanups)}"
        self.cleanups.append(Region(f"{name}_b", f"{name}_e", pad))
        return [f"{name}_b:", *text, f"{name}_e:"]

    @contextmanager
    def _cleaned_up(self, position: int) -> Iterator[None]:
        """Within: what goes to `out` is the item at `position`."""
        start = len(self.out)
        yield
        self.out[start:] = self._covered(self.out[start:], self._pads.get(position, ""))

    def _unwinding(self, symbol: str) -> list[str]:
        """Directives that name the table of cleanups, which goes to the tail."""
        if not self.cleanups:
            return []
        label = f".L{self.context.prefix}v{self._id}"
        self.tail += table(label, symbol, self.cleanups)
        personality = next(
            item for item in self.items if isinstance(item, Cfi) and item.name == "cfi_personality"
        )
        return [
            f"\t.cfi_personality {', '.join(personality.arguments)}",
            f"\t.cfi_lsda 0x3, {label}",
        ]

    def _sync(self, position: int) -> None:
        check_rule(self.rules[position])
        rule = self.rules[position].described()
        if self.state is None:
            self.state = FrameRule()
        if self.state != rule:
            self.out += directives(self.state, rule)
            self.state = rule

    def _emit_block(self, block: Block, following: int | None) -> None:
        self.out += self._alignment(block.start)
        self.out.append(f"{self._elite_label(block.start)}:")
        self._begin_block(block)
        pending: Insn | None = None
        for position in range(block.start, block.end):
            item = self.items[position]
            if isinstance(item, Loc) and self.context.keep_debug:
                self.out.append(f"\t.loc {item.file} {item.source_line} {item.column}")
            elif isinstance(item, MarkerItem):
                self._emit_marker(position, item)
            elif isinstance(item, InlineAsm):
                self._sync(position)
                with self._cleaned_up(position):
                    self._emit_asm(position, item)
            elif isinstance(item, Insn):
                self._sync(position)
                self.count += 1
                self.fp = self.fp or bool(_FP.search(item.text))
                last = position == block.end - 1
                if last and is_conditional(item.mnemonic) and item.operands in self.labels:
                    pending = item
                else:
                    with self._cleaned_up(position):
                        self._emit_insn(block, position, item)
        self._emit_end(block, pending, following)

    def _alignment(self, start: int) -> list[str]:
        """The alignment that stands before the label which begins a block."""
        found: list[str] = []
        for position in range(start - 1, -1, -1):
            item = self.items[position]
            if isinstance(item, (Insn, InlineAsm, MarkerItem, Data)):
                break
            if isinstance(item, Align):
                found.append(f"\t{item.text}")
        return found[::-1]

    def _emit_end(self, block: Block, branch: Insn | None, following: int | None) -> None:
        fall = ""
        if block.stop:
            self._sync(block.end)
            fall = self._stub(block.end)
        elif block.falls:
            if block.end >= len(self.items) or block.end not in self.blocks:
                fall = ""
            else:
                alias = self._alias(block.end)
                if alias is not None:
                    fall = self._stub(alias)
                elif block.end != following:
                    fall = self._elite_label(block.end)
        if branch is not None:
            taken = self._target(branch.operands)
            straight = following is not None and taken == self._elite_label(following)
            if fall and straight and branch.mnemonic in _INVERSE:
                self.out.append(f"\t{_INVERSE[branch.mnemonic]} {fall}")
                return
            if branch.mnemonic in _OTHER_BRANCHES:
                # These reach 127 bytes only: hop over a long jump.
                hop = f".L{self.context.prefix}h{self._id}_{block.end}"
                over = f".L{self.context.prefix}o{self._id}_{block.end}"
                self.out += [f"\t{branch.mnemonic} {hop}", f"\tjmp {over}", f"{hop}:"]
                self.out += [f"\tjmp {taken}", f"{over}:"]
            else:
                self.out.append(f"\t{branch.mnemonic} {taken}")
        if fall:
            self.out.append(f"\tjmp {fall}")
        elif block.falls and (block.end >= len(self.items) or block.end not in self.blocks):
            self.out.append("\tud2")

    def _emit_marker(self, position: int, item: MarkerItem) -> None:
        if item.kind in (ARM, LOOP) and self.context.stress:
            self._sync(position)
            self.out += self._force(position, "")
        elif item.kind == ENTRY:
            self.out.append(f"{self.entry_label(item)}:")

    def entry_label(self, item: MarkerItem) -> str:
        """Elite's label where the Fallback enters at this marker instance."""
        return f".L{self.context.prefix}n{item.line}"

    def rule_at(self, line: int) -> FrameRule:
        """The frame's rule at the marker instance on `line`. Raises CfiError when there is none."""
        position = next(
            p for p, i in enumerate(self.items) if isinstance(i, MarkerItem) and i.line == line
        )
        check_rule(self.rules[position])
        return self.rules[position]

    def entries(self) -> list[MarkerItem]:
        """Entry marker instances that lie in emitted blocks."""
        return [
            item
            for block in self.blocks.values()
            for item in self.items[block.start : block.end]
            if isinstance(item, MarkerItem) and item.kind == ENTRY
        ]

    def _begin_block(self, block: Block) -> None:
        """What comes first in a block."""

    def _emit_asm(self, position: int, item: InlineAsm) -> None:
        targets = set(_asm_targets(item))
        for statement in item.statements:
            text = _LOCAL_LABEL.sub(
                lambda m: self._target(m.group(0)) if m.group(0) in targets else m.group(0),
                statement,
            )
            self.out.append(f"\t{text}")

    def _emit_insn(self, block: Block, position: int, item: Insn) -> None:
        mnemonic, operands = item.mnemonic, item.operands
        if mnemonic in _CALLS:
            self._emit_call(position, item)
        elif mnemonic in _JUMPS:
            self._emit_jump(block, position, item)
        elif is_conditional(mnemonic):  # a conditional tail call
            callee = self.context.resolve(operands.removesuffix("@PLT"))
            target = operands if callee.how == "plain" else callee.symbol
            self.out.append(f"\t{mnemonic} {target}")
        elif block.targets and self._reads_table(block, position):
            label = _LOCAL_LABEL.search(operands)
            assert label is not None
            table = self._elite_table(position, label.group(0))
            self.out.append(f"\t{item.text.replace(label.group(0), table, 1)}")
        else:
            self.out.append(f"\t{item.text}")

    def _reads_table(self, block: Block, position: int) -> bool:
        last = self.items[block.end - 1]
        if not (isinstance(last, Insn) and last.operands.startswith("*%")):
            return False
        found = self._jump_table(block.start, block.end - 1, last.operands[1:])
        return found is not None and found[0] == position

    def _elite_table(self, position: int, label: str) -> str:
        """Elite's own copy of a jump table: hot arms to Elite, cold ones to stubs."""
        name = f".L{self.context.prefix}t{self._id}_{position}"
        # Targets first: a cold one adds its stub to the tail.
        entries = [self._target(entry) for entry in self.context.file.tables[label]]
        self.tail += ['\t.pushsection .rodata.lp_elite,"a",@progbits', "\t.p2align 3", f"{name}:"]
        self.tail += [f"\t.quad {entry}" for entry in entries]
        self.tail.append("\t.popsection")
        return name

    def _emit_jump(self, block: Block, position: int, item: Insn) -> None:
        operands = item.operands
        if operands in self.labels:
            target = self._target(operands)
            self.out.append(f"\tjmp {target}")
            return
        if self._direct_name(operands) is None:
            found = self._jump_table(block.start, position, operands[1:])
            if found is None:
                self._emit_indirect(position, item, tail=True)
                return
            reader, _, label = found
            text = item.text
            if reader == position:
                text = text.replace(label, self._elite_table(position, label), 1)
            self.out.append(f"\t{text}")
            return
        if self.context.stress:
            self.out += self._force(position, operands)
        self.out.append(f"\tjmp {self._named(operands)}")

    def _return(self, position: int, serial: str = "") -> str:
        """A return label in Elite, with its record."""
        item = self.items[position]
        label = f".L{self.context.prefix}q{self._id}_{position}{serial}"
        fallback = self.edits.label_after(item.line, FALLBACK_PREFIX)
        self._note_return(label, fallback, self.rules[position])
        return label

    def _note_return(self, label: str, fallback: str, rule: FrameRule) -> None:
        self.context.tables.returns.append((label, fallback, rule))

    def _emit_call(self, position: int, item: Insn) -> None:
        name = self._direct_name(item.operands)
        if name is None:
            self._emit_indirect(position, item, tail=False)
            return
        if self.context.stress:
            self.out += self._force(position, name)
        # A record for each: what is called may jump on into Elite, which may leave.
        self.out += [f"\tcall {self._named(item.operands)}", f"{self._return(position)}:"]

    def _named(self, operands: str) -> str:
        """What a call or jump whose operands name a function has for operands here."""
        callee = self.context.resolve(self._direct_name(operands) or operands)
        return operands if callee.how == "plain" else self._callee_text(callee)

    def _callee_text(self, callee: Callee) -> str:
        # What the stub would do, without going there.
        return "*lp_request_target(%rip)" if callee.how == "stub" else callee.symbol

    def _emit_indirect(self, position: int, item: Insn, *, tail: bool) -> None:
        """Thesis 3.4.1: the observed targets, then what the table has, then the pointer's own."""
        operand = item.operands[1:]
        if self.context.stress:
            self.out += self._force(position, item.operands)
        load = [] if operand == "%r11" else [f"\tmovq {operand}, %r11"]
        verb = "jmp" if tail else "call"
        base = f".L{self.context.prefix}i{self._id}_{position}"
        done = f"{base}_done"
        rule = self.rules[position].described()
        file, line = self.locations[position]
        out = self.out
        serial = 0
        pointer = operand  # the first target is compared where the pointer is
        for serial, (symbol, callee) in enumerate(self.context.observed(file, line), 1):
            out += [f"\tcmpq ${symbol}, {pointer}", f"\tjne {base}_{serial}"]
            out += self._made(position, verb, callee.symbol, f"_{serial}", done, out is self.out)
            # The observed target stays in line; whatever else is called comes out of line.
            out = [f"{base}_{serial}:", *load]
            self.late.append((rule, out, self._pads.get(position, "")))
            pointer, load = "%r11", []
        out += [*load, "\tcall lp_lookup"]
        out += self._made(position, verb, "*%r11", "_t", done, serial == 0)

    def _made(
        self, position: int, verb: str, target: str, serial: str, done: str, straight: bool
    ) -> list[str]:
        """The call itself and its way back; `straight`: it stands in the hot text."""
        lines = [f"\t{verb} {target}"]
        if verb == "call":
            lines.append(f"{self._return(position, serial)}:")
            lines.append(f"{done}:" if straight else f"\tjmp {done}")
        return lines


def project_function(
    function: AsmFunction, context: Context, edits: Edits, kind: type[Projector] = Projector
) -> tuple[EliteFunction, Projector]:
    """Project `function`; records and Fallback labels are kept only when it succeeds."""
    trial = Edits(
        {k: list(v) for k, v in edits.before.items()}, {k: list(v) for k, v in edits.after.items()}
    )
    projector = kind(function, context, trial)
    with context.tables.undone_by(Exception):
        result = projector.emit()
    edits.before, edits.after = trial.before, trial.after
    return result, projector
