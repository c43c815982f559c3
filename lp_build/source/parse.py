# SPDX-License-Identifier: GPL-2.0-only
"""libclang over a preprocessed unit: its functions, and what no pass may touch."""

from __future__ import annotations

import bisect
import re
from collections.abc import Sequence
from dataclasses import dataclass

from clang import cindex

from lp_build.errors import LakePlacidError
from lp_build.model.language import language_arguments
from lp_build.model.lines import LineMap, Position
from lp_build.model.sites import Problem
from lp_build.source import ast

# gcc's own type keywords that clang does not know in C, as macros: they may stand behind _Complex.
_TYPES = {
    "_Float128": "__float128",
    "_Float128x": "__float128",
    "_Float64x": "long double",
    "_Float64": "double",
    "_Float32x": "double",
    "_Float32": "float",
}
_ARGUMENTS = [
    *"-x c -undef --target=x86_64-linux-gnu -fgnu89-inline".split(),
    # The compiler that the build uses is the judge of warnings, and of errors by courtesy.
    *"-Wno-everything -ferror-limit=0 -fno-spell-checking -fbracket-depth=4096".split(),
    *(f"-D{name}={value}" for name, value in _TYPES.items()),
]
# What problems say of a function that no pass touches, behind its name.
LEFT_ALONE = "is left alone"
# libclang's words for what only gcc accepts.
_MEANT = {"function definition is not allowed here": "it has a nested function"}
_UNIT = "unit.c"
# gcc's generic atomic builtins take pointers to _Atomic objects, clang's do not.
_ATOMIC = re.compile(rb"\b_Atomic\b(\s*\()?")
_CLANG_ATOMICS = b"__c11_atomic_"
_NAKED = re.compile(rb"\bnaked\b|\b__naked__\b")
# What runs before relocation: nothing may be called there.
_RESOLVER = re.compile(rb'\b(?:__)?ifunc(?:__)?\s*\(\s*"([^"]+)"')
_OPENMP = re.compile(rb"^[ \t]*#[ \t]*pragma[ \t]+(?:omp|acc)\b", re.M)


@dataclass(frozen=True)
class FunctionNode:
    """A function definition that is not from a system header: [start, end) in the text, its body
    with the braces, and whether its name is local to the unit."""

    cursor: ast.Cursor
    body: ast.Cursor
    name: str
    static: bool
    start: int
    end: int
    body_start: int
    body_end: int
    position: Position


@dataclass(frozen=True)
class ParsedUnit:
    """A unit that clang understood; functions with errors inside are in `problems` instead."""

    text: bytes
    lines: LineMap
    functions: tuple[FunctionNode, ...]
    problems: tuple[Problem, ...]
    tree: ast.Tree


def parse_unit(text: bytes, language: Sequence[str] = ()) -> ParsedUnit:
    """Parse a preprocessed C unit (gcc's or clang's -E output). language: as
    `language_arguments` gives it.

    Positions in problems are as the line markers give them. Raises LakePlacidError when clang
    can't make sense of the unit outside of function bodies.
    """
    lines = LineMap(text)
    try:
        unit = cindex.Index.create().parse(
            _UNIT,
            args=[*_ARGUMENTS, *(language or language_arguments(()))],
            unsaved_files=[(_UNIT, _for_clang(text))],
        )
    except cindex.TranslationUnitLoadError as error:
        raise LakePlacidError(
            "libclang cannot parse this unit",
            file=lines.at(len(text)).file,
            remedy="nothing to do: it is compiled plainly, without scouting or Elite code",
        ) from error
    tree = ast.Tree(unit)
    functions = _definitions(tree, lines)
    problems = _problems_by_start(unit, lines, functions)
    problems.update(_left_alone(text, functions))
    kept = tuple(f for f in functions if f.start not in problems)
    return ParsedUnit(text, lines, kept, tuple(problems.values()), tree)


def _for_clang(text: bytes) -> bytes:
    """`text` as clang is to see it: what only gcc accepts replaced, every byte in its place."""
    if b"_Atomic" not in text or _CLANG_ATOMICS in text:
        return text

    def plain(match: re.Match[bytes]) -> bytes:
        rest = match.group(1) or b""
        return (b"typeof " if rest else b"       ") + rest

    return _ATOMIC.sub(plain, text)


def _definitions(tree: ast.Tree, lines: LineMap) -> list[FunctionNode]:
    functions: list[FunctionNode] = []
    library = tree.library

    def top(cursor: ast.Cursor, _parent: ast.Cursor) -> int:
        if cursor.kind == ast.FUNCTION_DECL and library.clang_isCursorDefinition(cursor):
            body = next(iter(tree.children(cursor)[::-1]), cursor)
            if body.kind != ast.COMPOUND_STMT:  # an alias
                return ast.CONTINUE
            start, end = tree.extent(cursor)
            # Not of the start: in `bool f(void) {` that may be <stdbool.h>'s macro.
            if not lines.at(tree.extent(body)[0]).system:
                static = library.clang_getCursorLinkage(cursor) == ast.INTERNAL_LINKAGE
                functions.append(
                    FunctionNode(
                        cursor,
                        body,
                        tree.spelling(cursor),
                        static,
                        start,
                        end,
                        *tree.extent(body),
                        lines.at(start),
                    )
                )
        return ast.CONTINUE

    tree.visit(tree.root, top)
    return functions


def _problems_by_start(
    unit: cindex.TranslationUnit, lines: LineMap, functions: list[FunctionNode]
) -> dict[int, Problem]:
    """The first error of each function that has one, by the function's start.

    Raises LakePlacidError for an error outside of functions: what it leaves undeclared would be
    missing, silently, from the tree of any function that uses it.
    """
    problems: dict[int, Problem] = {}
    starts = [function.start for function in functions]
    for diagnostic in unit.diagnostics:
        if diagnostic.severity < cindex.Diagnostic.Error:
            continue
        offset = diagnostic.location.offset
        where = lines.at(offset)
        index = bisect.bisect_right(starts, offset) - 1
        if index >= 0 and offset < functions[index].end:
            name = functions[index].name
            why = _MEANT.get(diagnostic.spelling, f"libclang: {diagnostic.spelling}")
            reason = f"{name} {LEFT_ALONE}: {why}"
            problems.setdefault(starts[index], Problem(where.file, where.line, reason))
        elif not where.system:
            raise LakePlacidError(
                f"libclang cannot parse this unit: {diagnostic.spelling}",
                file=where.file,
                line=where.line,
                remedy="nothing to do: it is compiled plainly, without scouting or Elite code",
            )
    return problems


def _left_alone(text: bytes, functions: list[FunctionNode]) -> dict[int, Problem]:
    """Functions in which no statement may be added, by their start."""
    found: dict[int, Problem] = {}

    def leave(function: FunctionNode, why: str) -> None:
        place = function.position
        reason = f"{function.name} {LEFT_ALONE}: {why}"
        found.setdefault(function.start, Problem(place.file, place.line, reason))

    # Plain searches first: a pattern takes milliseconds for a megabyte.
    if b"naked" in text and _NAKED.search(text):
        for function in functions:
            if _is_naked(text, function):
                leave(function, "a naked function holds only assembly")
    found_resolvers = _RESOLVER.findall(text) if b"ifunc" in text else []
    resolvers = {name.decode("utf-8", "replace") for name in found_resolvers}
    for function in functions:
        if function.name in resolvers:
            leave(function, "an ifunc resolver runs before the program is relocated")
    starts = [function.start for function in functions]
    for match in _OPENMP.finditer(text):
        index = bisect.bisect_right(starts, match.start()) - 1
        if index >= 0 and match.start() < functions[index].end:
            leave(functions[index], "its loops must keep the form that OpenMP or OpenACC asks for")
    return found


def _is_naked(text: bytes, function: FunctionNode) -> bool:
    name = re.escape(function.name.encode("utf-8", "surrogateescape"))
    mention = rb"\b_*naked_*\b[^;{}]*\b%b\b|\b%b\b[^;{}]*\b_*naked_*\b" % (name, name)
    return re.search(mention, text[: function.body_start]) is not None
