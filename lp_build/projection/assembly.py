# SPDX-License-Identifier: GPL-2.0-only
"""GNU assembly of one translation unit, read into functions of items.

Only x86-64 AT&T syntax as gcc and clang write it with -S. The file stays a list of lines; an item
knows its line, so that the Fallback projection can edit lines and leave all others as they are.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from lp_build.model.markers import KINDS
from lp_build.projection.items import (
    Align,
    Cfi,
    Data,
    InlineAsm,
    Item,
    Label,
    Loc,
    MarkerItem,
    TlsCall,
    parse_instruction,
)
from lp_build.projection.statements import (
    asm_statements,
    one_statement_a_line,
    split_statements,
    strip_comment,
)


@dataclass
class AsmFunction:
    """A function's items in text order; parts that were split off (`f.cold`) come after its own."""

    name: str
    items: list[Item] = field(default_factory=list)
    label_line: int = -1
    size_line: int = -1


@dataclass
class AsmFile:
    """One parsed file. tables: entries of each label in data that is followed by addresses of
    labels only (candidates for jump tables). files: names by `.file` number."""

    lines: list[str]
    functions: dict[str, AsmFunction] = field(default_factory=dict)
    tables: dict[str, tuple[str, ...]] = field(default_factory=dict)
    files: dict[int, str] = field(default_factory=dict)
    globals: set[str] = field(default_factory=set)
    weak: set[str] = field(default_factory=set)
    indirect: set[str] = field(default_factory=set)
    aliases: dict[str, str] = field(default_factory=dict)
    markers: list[MarkerItem] = field(default_factory=list)
    debug_lines: set[int] = field(default_factory=set)
    placed: set[str] = field(default_factory=set)

    def defines(self, symbol: str) -> bool:
        """Whether `symbol` is this file's, and no other file's definition may replace it."""
        return symbol in self.placed and symbol not in self.weak


_MARKER = re.compile(rf"^\s*#\s?({'|'.join(KINDS)}) (\d+)\s*$")
LABEL = re.compile(r'^\s*("[^"]+"|[\w.$@]+)\s*:(.*)$', re.S)
_TYPE = re.compile(r"^\s*\.type\s+([^,\s]+)\s*,\s*[@%](function|gnu_indirect_function)")
_PART = re.compile(r"^(.+?)\.cold(\.\d+)?$")
SECTION = re.compile(r"^\s*\.(?:section|pushsection)\s+([^,\s]+)(.*)$")
_FILE = re.compile(r'^\s*\.file\s+(\d+)\s+"((?:[^"\\]|\\.)*)"(?:\s+"((?:[^"\\]|\\.)*)")?')
ASSIGNMENT = re.compile(r'^("[^"]+"|[\w.$@]+)\s*={1,2}\s*(.*)$')
_TLS_ADDRESS = re.compile(r"\blea[q]?\s+([\w.$]+)@(tlsgd|tlsld)\(%rip\)", re.I)
_CALL_BEHIND_TLS = re.compile(r"^(?:(?:data16|rex64)\s+)*callq?\b")
_APP_START = re.compile(r'^# \d+ ".*" 1$')
_APP_END = re.compile(r'^# 0 "" 2$')
# Directives that say nothing about control flow or frames.
_SILENT = frozenset(
    ".globl .global .hidden .protected .internal .local .weak .type .size .file .ident .addrsig "
    ".addrsig_sym .loc_mark_labels .cv_loc .set .equ .comm .lcomm .attribute .text .data .bss "
    ".section .previous .popsection .pushsection .subsection".split()
)


class _Reader:
    """The state of one pass over the lines."""

    def __init__(self, lines: list[str]) -> None:
        self.file = AsmFile(lines)
        self.section = ".text"
        self.executable = True
        self.stack: list[tuple[str, bool]] = []
        self.previous = (".text", True)
        self.typed: set[str] = set()
        self.current: AsmFunction | None = None
        self.table: str | None = None
        self.table_entries: list[str] = []
        self.tls: list[str] = []  # the statements of a TlsCall so far
        self.tls_line = 0

    def switch(self, name: str, executable: bool) -> None:
        self.end_table()
        self.previous = (self.section, self.executable)
        self.section, self.executable = name, executable

    def end_table(self) -> None:
        if self.table is not None and self.table_entries:
            self.file.tables[self.table] = tuple(self.table_entries)
        self.table = None
        self.table_entries = []

    def add(self, item: Item) -> None:
        if self.current is not None and self.executable:
            self.current.items.append(item)

    def run(self) -> AsmFile:
        lines = self.file.lines
        number = 0
        count = len(lines)
        while number < count:
            line = lines[number]
            stripped = line.strip()
            if not stripped:
                number += 1
                continue
            first = stripped[0]
            if first == "#":
                number = self.comment(number, stripped)
                continue
            if self.tls or _TLS_ADDRESS.search(stripped):
                self.tls_call(number, stripped)
                number += 1
                continue
            assigned = ASSIGNMENT.match(stripped) if "=" in stripped else None
            if assigned:
                self.file.aliases[assigned.group(1)] = assigned.group(2).strip()
                number += 1
                continue
            if first == "." and not (stripped.startswith(".L") or ":" in stripped.split()[0]):
                self.directive(number, stripped)
                number += 1
                continue
            if self.section.startswith(".debug") or (not self.executable and ":" not in stripped):
                number += 1
                continue
            self.code(number, line)
            number += 1
        self.end_table()
        return self.file

    def comment(self, number: int, stripped: str) -> int:
        """A comment line: a marker, or the start of inline assembly. Returns the next line."""
        if stripped != "#APP":
            return number + 1
        lines = self.file.lines
        raw: list[str] = []
        begin = number
        # gcc brackets each asm statement by line comments and may write debug labels between;
        # clang writes neither.
        inside = True

        def flush() -> None:
            if raw:
                statements = asm_statements("\n".join(raw))
                if statements:
                    self.add(InlineAsm(begin, statements))
                raw.clear()

        while number + 1 < len(lines):
            number += 1
            text = lines[number].strip()
            if text == "#NO_APP":
                break
            marker = _MARKER.match(lines[number])
            if marker:
                flush()
                item = MarkerItem(number, marker.group(1), int(marker.group(2)))
                self.file.markers.append(item)
                self.add(item)
            elif _APP_START.match(text) or _APP_END.match(text):
                flush()
                inside = not _APP_END.match(text)
            elif text.startswith((".loc ", ".cfi_")):
                # The compiler's own; the next statement's position may come before #NO_APP.
                flush()
                self.directive(number, text)
            elif not inside and text.startswith(".L") and text.endswith(":"):
                self.code(number, lines[number])
            else:
                if not raw:
                    begin = number
                raw.append(lines[number])
        flush()
        return number + 1

    def tls_call(self, number: int, stripped: str) -> None:
        """A statement of the sequence that finds a thread-local variable."""
        if not self.tls:
            self.tls_line = number
        text = strip_comment(stripped).strip()
        self.tls.append(text)
        if not _CALL_BEHIND_TLS.match(text):
            return
        match = _TLS_ADDRESS.search(self.tls[0])
        assert match is not None
        local = match.group(2).lower() == "tlsld"
        self.add(TlsCall(self.tls_line, tuple(self.tls), match.group(1), local))
        self.tls = []

    def directive(self, number: int, stripped: str) -> None:
        name, _, rest = stripped.partition("\t")
        if " " in name:
            name, _, tail = stripped.partition(" ")
            rest = tail
        rest = strip_comment(rest).strip()
        if name.startswith(".cfi_"):
            self.add(Cfi(number, name[1:], tuple(a.strip() for a in rest.split(",") if a.strip())))
        elif name == ".loc":
            words = rest.split()
            column = int(words[2]) if len(words) > 2 and words[2].isdigit() else 0
            self.add(Loc(number, int(words[0]), int(words[1]), column))
            self.file.debug_lines.add(number)
        elif name in (".text", ".data", ".bss"):
            self.switch(name, name == ".text")
        elif name in (".section", ".pushsection"):
            if name == ".pushsection":
                self.stack.append((self.section, self.executable))
            match = SECTION.match(stripped)
            section = match.group(1) if match else rest
            flags = match.group(2) if match else ""
            quoted = re.search(r'"([^"]*)"', flags)
            executable = (
                "x" in quoted.group(1) if quoted else section.strip('"').startswith(".text")
            )
            self.switch(section.strip('"'), executable)
        elif name == ".popsection" and self.stack:
            section, executable = self.stack.pop()
            self.switch(section, executable)
        elif name == ".previous":
            self.switch(*self.previous)
        elif name == ".type":
            match = _TYPE.match(stripped)
            if match:
                self.typed.add(match.group(1))
                if match.group(2) == "gnu_indirect_function":
                    self.file.indirect.add(match.group(1))
        elif name == ".size":
            symbol = rest.split(",")[0].strip()
            if self.current is not None and symbol in self.typed:
                if symbol == self.current.name:
                    self.current.size_line = number
                    self.current = None
                elif _PART.match(symbol):
                    self.current = None
        elif name in (".globl", ".global"):
            self.file.globals.update(s.strip() for s in rest.split(","))
        elif name == ".weak":
            self.file.weak.update(s.strip() for s in rest.split(","))
        elif name in (".set", ".equ", ".equiv", ".eqv"):
            alias, _, target = rest.partition(",")
            self.file.aliases[alias.strip()] = target.strip()
        elif name == ".file":
            match = _FILE.match(stripped)
            if match:
                folder_or_name, file = match.group(2), match.group(3)
                self.file.files[int(match.group(1))] = (
                    f"{folder_or_name}/{file}" if file and not file.startswith("/") else file
                ) or folder_or_name
                self.file.debug_lines.add(number)
        elif name in (".p2align", ".align", ".balign"):
            if self.executable:
                self.add(Align(number, stripped))
        elif name in (".quad", ".8byte"):
            self.table_entry(number, rest)
        elif name not in _SILENT:
            self.end_table()
            if self.executable and self.current is not None:
                self.add(Data(number, stripped))

    def table_entry(self, number: int, rest: str) -> None:
        if self.executable and self.current is not None and self.table is None:
            self.add(Data(number, rest))
        elif self.table is not None:
            if rest.startswith(".L"):
                self.table_entries.append(rest)
            else:
                self.end_table()

    def code(self, number: int, line: str) -> None:
        for statement in split_statements(line):
            match = LABEL.match(statement)
            if match:
                self.label(number, match.group(1).strip('"'))
                statement = match.group(2).strip()
                if not statement:
                    continue
            if not self.executable or self.current is None:
                continue
            self.add(parse_instruction(number, statement))

    def label(self, number: int, name: str) -> None:
        self.file.placed.add(name)
        if not self.executable:
            self.end_table()
            self.table = name
            return
        if name in self.typed:
            part = _PART.match(name)
            owner = self.file.functions.get(part.group(1)) if part else None
            if owner is not None:
                self.current = owner
            else:
                self.current = AsmFunction(name, label_line=number)
                self.file.functions[name] = self.current
        self.add(Label(number, name))


def parse_assembly(text: str) -> AsmFile:
    """Read the compiler's -S output. Data outside functions is kept as lines only."""
    return _Reader(one_statement_a_line(text.split("\n"))).run()
