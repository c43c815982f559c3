"""GNU assembly of one translation unit, read into functions of items.

Only x86-64 AT&T syntax as gcc and clang write it with -S. The file stays a list of lines; an item
knows its line, so that the Fallback projection can edit lines and leave all others as they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from lp_build.source.markers import KINDS


@dataclass(frozen=True)
class Label:
    """A label definition."""

    line: int
    name: str


@dataclass(frozen=True)
class Insn:
    """One instruction; mnemonic without prefixes (`notrack`, `rep`, …), text as in the file."""

    line: int
    mnemonic: str
    operands: str
    text: str


@dataclass(frozen=True)
class InlineAsm:
    """One `asm` statement of the source: statements are its text, one each."""

    line: int
    statements: tuple[str, ...]


@dataclass(frozen=True)
class MarkerItem:
    """An instance of a marker (see source.markers)."""

    line: int
    kind: str
    index: int


@dataclass(frozen=True)
class Cfi:
    """A `.cfi_*` directive: name without the dot, and its arguments."""

    line: int
    name: str
    arguments: tuple[str, ...]


@dataclass(frozen=True)
class Loc:
    """A `.loc` directive."""

    line: int
    file: int
    source_line: int
    column: int


@dataclass(frozen=True)
class Align:
    """A `.p2align` directive between instructions."""

    line: int
    text: str


@dataclass(frozen=True)
class Data:
    """A directive that places data among a function's instructions."""

    line: int
    text: str


Item = Label | Insn | InlineAsm | MarkerItem | Cfi | Loc | Align | Data


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


PREFIXES = frozenset(
    "notrack bnd rep repz repnz repe repne lock data16 addr32 cs ds es ss fs gs rex64".split()
)
_MARKER = re.compile(rf"^\s*#\s?({'|'.join(KINDS)}) (\d+)\s*$")
_LABEL = re.compile(r'^\s*("[^"]+"|[\w.$@]+)\s*:(.*)$', re.S)
_TYPE = re.compile(r"^\s*\.type\s+([^,\s]+)\s*,\s*[@%](function|gnu_indirect_function)")
_PART = re.compile(r"^(.+?)\.cold(\.\d+)?$")
_SECTION = re.compile(r"^\s*\.(?:section|pushsection)\s+([^,\s]+)(.*)$")
_FILE = re.compile(r'^\s*\.file\s+(\d+)\s+"((?:[^"\\]|\\.)*)"(?:\s+"((?:[^"\\]|\\.)*)")?')
_APP_START = re.compile(r'^# \d+ ".*" 1$')
_APP_END = re.compile(r'^# 0 "" 2$')
# Directives that say nothing about control flow or frames.
_SILENT = frozenset(
    ".globl .global .hidden .protected .internal .local .weak .type .size .file .ident .addrsig "
    ".addrsig_sym .loc_mark_labels .cv_loc .set .equ .comm .lcomm .attribute .text .data .bss "
    ".section .previous .popsection .pushsection .subsection".split()
)


def strip_comment(line: str) -> str:
    """`line` less its `#` comment (AT&T syntax; a `#` within a string stays)."""
    if "#" not in line:
        return line
    quoted = False
    previous = ""
    for position, character in enumerate(line):
        if character == '"' and previous != "\\":
            quoted = not quoted
        elif character == "#" and not quoted:
            return line[:position]
        previous = character
    return line


def split_statements(line: str) -> list[str]:
    """The statements of a line: `;` separates them, comments are gone."""
    code = strip_comment(line)
    if ";" not in code:
        return [code.strip()] if code.strip() else []
    parts = re.findall(r'(?:[^;"]|"(?:[^"\\]|\\.)*")+', code) if '"' in code else code.split(";")
    return [part.strip() for part in parts if part.strip()]


def parse_instruction(line: int, text: str) -> Insn:
    """One instruction with its prefixes taken off."""
    rest = text.strip()
    while True:
        mnemonic, _, operands = rest.partition(" ") if "\t" not in rest else rest.partition("\t")
        mnemonic = mnemonic.strip().rstrip(",")
        operands = operands.strip()
        if mnemonic in PREFIXES and operands:
            rest = operands
            continue
        return Insn(line, mnemonic, operands, text.strip())


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
        statements: list[str] = []
        begin = number
        # gcc brackets each asm statement by line comments and may write debug labels between;
        # clang writes neither.
        inside = True

        def flush() -> None:
            if statements:
                self.add(InlineAsm(begin, tuple(statements)))
                statements.clear()

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
                if not statements:
                    begin = number
                statements.extend(split_statements(lines[number]))
        flush()
        return number + 1

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
            match = _SECTION.match(stripped)
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
        elif name in (".set", ".equ"):
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
            match = _LABEL.match(statement)
            if match:
                self.label(number, match.group(1).strip('"'))
                statement = match.group(2).strip()
                if not statement:
                    continue
            if not self.executable or self.current is None:
                continue
            self.add(parse_instruction(number, statement))

    def label(self, number: int, name: str) -> None:
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
    return _Reader(text.split("\n")).run()


# What these say holds wherever they stand: clang ends the file with them.
_ANYWHERE = (".ident", ".addrsig", ".weak", ".globl", ".hidden", ".protected", ".symver")


def debug_section_lines(lines: Iterable[str]) -> set[int]:
    """Numbers of the lines that lie in `.debug_*` sections, their section directives included."""
    found: set[int] = set()
    inside = False
    for number, line in enumerate(lines):
        stripped = line.lstrip()
        if stripped.startswith((".section", ".text", ".data", ".bss")):
            match = _SECTION.match(stripped)
            inside = bool(match and match.group(1).strip('"').startswith(".debug"))
        if inside and not stripped.startswith(_ANYWHERE):
            found.add(number)
    return found
