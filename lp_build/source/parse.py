"""libclang over a preprocessed unit: its functions, and where each byte stood originally."""

from __future__ import annotations

import bisect
import re
from dataclasses import dataclass

from clang import cindex

from lp_build.errors import LakePlacidError
from lp_build.source.model import Problem

# gcc's own type keywords that clang does not know in C.
_TYPES = {
    "_Float128": "__float128",
    "_Float64x": "long double",
    "_Float64": "double",
    "_Float32x": "double",
    "_Float32": "float",
}
_ARGUMENTS = [
    "-x", "c", "-undef", "-std=gnu17", "-w", "-ferror-limit=0", "-fno-spell-checking",
    "-fgnu89-inline", "--target=x86_64-linux-gnu", "-Wno-error", "-fbracket-depth=4096",
    *(f"-D{name}={value}" for name, value in _TYPES.items()),
]  # fmt: skip
_LINE_MARKER = re.compile(rb'^#(?: |line )(\d+) "((?:[^"\\]|\\.)*)"((?: \d)*)[^\n]*$', re.M)


@dataclass(frozen=True)
class Position:
    """An original place: file as the line marker says it, line from 1."""

    file: str
    line: int
    system: bool


class LineMap:
    """From byte offsets of a preprocessed text to original places, by its line markers."""

    def __init__(self, text: bytes) -> None:
        self._text = text
        self._offsets: list[int] = []
        self._marks: list[tuple[str, int, bool]] = []
        for match in _LINE_MARKER.finditer(text):
            file = match.group(2).decode("utf-8", "surrogateescape").replace("\\\\", "\\")
            self._offsets.append(match.end() + 1)
            self._marks.append((file, int(match.group(1)), b"3" in match.group(3)))

    def at(self, offset: int) -> Position:
        """Where the byte at `offset` stood."""
        index = bisect.bisect_right(self._offsets, offset) - 1
        if index < 0:
            return Position("<unknown>", 1 + self._text.count(b"\n", 0, offset), False)
        file, line, system = self._marks[index]
        passed = self._text.count(b"\n", self._offsets[index], offset)
        return Position(file, line + passed, system)

    def column(self, offset: int) -> int:
        """The column (from 1) of the byte at `offset`, in the preprocessed line."""
        return offset - self._text.rfind(b"\n", 0, offset)


@dataclass(frozen=True)
class FunctionNode:
    """A function definition that is not from a system header."""

    cursor: cindex.Cursor
    start: int
    end: int
    position: Position


@dataclass(frozen=True)
class ParsedUnit:
    """A unit that clang understood; functions with errors inside are in `problems` instead."""

    text: bytes
    lines: LineMap
    functions: tuple[FunctionNode, ...]
    problems: tuple[Problem, ...]
    tree: cindex.TranslationUnit  # keeps the cursors alive


def parse_unit(text: bytes) -> ParsedUnit:
    """Parse a preprocessed C unit. Raises LakePlacidError when clang can't make sense of it."""
    lines = LineMap(text)
    try:
        # latin-1 keeps offsets: libclang gets the bytes as they are.
        tree = cindex.Index.create().parse(
            "unit.c", args=_ARGUMENTS, unsaved_files=[("unit.c", text)]
        )
    except cindex.TranslationUnitLoadError as error:
        raise LakePlacidError(
            "libclang cannot parse this unit", remedy="it is compiled plainly"
        ) from error
    functions: list[FunctionNode] = []
    for cursor in tree.cursor.get_children():
        if cursor.kind != cindex.CursorKind.FUNCTION_DECL or not cursor.is_definition():
            continue
        extent = cursor.extent
        start = extent.start.offset
        position = lines.at(start)
        if not position.system:
            functions.append(FunctionNode(cursor, start, extent.end.offset, position))
    return _without_errors(text, lines, functions, tree)


def _without_errors(
    text: bytes, lines: LineMap, functions: list[FunctionNode], tree: cindex.TranslationUnit
) -> ParsedUnit:
    problems: list[Problem] = []
    damaged: set[int] = set()
    for diagnostic in tree.diagnostics:
        if diagnostic.severity < cindex.Diagnostic.Error:
            continue
        offset = diagnostic.location.offset
        where = lines.at(offset)
        inside = next((f for f in functions if f.start <= offset < f.end), None)
        if inside is not None:
            damaged.add(inside.start)
        elif where.system:
            continue
        elif diagnostic.severity == cindex.Diagnostic.Fatal:
            raise LakePlacidError(
                f"libclang cannot parse this unit: {diagnostic.spelling}",
                file=where.file,
                line=where.line,
                remedy="it is compiled plainly",
            )
        problems.append(Problem(where.file, where.line, f"libclang: {diagnostic.spelling}"))
    kept = tuple(f for f in functions if f.start not in damaged)
    return ParsedUnit(text, lines, kept, tuple(problems), tree)
