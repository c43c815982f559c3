# SPDX-License-Identifier: GPL-2.0-only
"""The thesis's own Fallback, for comparison only: conditionals marked by calls of an external
function, globals reached through a table, and a call before every `ret` that would translate a
return address (3.1, 3.4.2, 3.5). c_runtime/bench/thesis_fallback.S is what it calls."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from lp_build.layout import BuildDir
from lp_build.model.verdicts import Manifest, Verdict
from lp_build.source import ast
from lp_build.source.edits import Edits
from lp_build.source.parse import ParsedUnit, parse_unit
from lp_build.source.scout import name_files, with_prelude
from lp_build.source.sites import FunctionSites, find_sites

_THREAD_LOCAL = re.compile(rb"\b(?:__thread|_Thread_local)\b")
_RET = re.compile(r"^\s*(?:rep\s*;?\s*)?retq?\s*$")
_CHECK = "\tcall\tlp_thesis_check_return"
_TABLE = "__lp_thesis_globals"


@dataclass(frozen=True)
class ThesisUnit:
    """The edited text, and how many conditionals and uses of globals were edited."""

    text: bytes
    conditionals: int
    uses: int


def thesis_source(text: bytes, *, cwd: str, build: BuildDir, manifest: Manifest) -> ThesisUnit:
    """Edit a preprocessed unit that was compiled in folder `cwd`.

    Conditionals are those that the manifest's Elite functions have a verdict on; globals are those
    of all functions, because all of the application is linked to share them. Raises
    LakePlacidError when libclang can't parse it.
    """
    unit = parse_unit(text)
    functions = find_sites(unit, name_files(unit, build, cwd))
    edits = Edits()
    # What is around comes first: a condition may end with a global.
    conditionals = sum(_mark(edits, function, manifest) for function in functions)
    uses = _Globals(unit).edit(edits, functions)
    edited = edits.apply(text)
    names = uses.names
    unique = hashlib.sha256(text).hexdigest()[:16]
    declarations = "extern long lp_thesis_likely(long); "
    if names:
        # Neither static nor constant: the compiler must not look through it.
        declarations += (
            f'extern void *{_TABLE}[] __asm__("lp_thesis_globals.{unique}") '
            '__attribute__((__visibility__("hidden")));'
        )
        entries = ", ".join(f"(void *)&{name}" for name in names)
        edited += f"\nvoid *{_TABLE}[] = {{ {entries} }};\n".encode()
    return ThesisUnit(with_prelude(edited, declarations), conditionals, uses.count)


def thesis_assembly(asm: str) -> str:
    """The call before each `ret` of a unit's -S output."""
    out: list[str] = []
    for line in asm.split("\n"):
        if _RET.match(line):
            out.append(_CHECK)
        out.append(line)
    return "\n".join(out)


def _mark(edits: Edits, function: FunctionSites, manifest: Manifest) -> int:
    """`if (lp_likely(c))` for each `if` with a verdict; how many there are."""
    verdicts = manifest.functions.get(function.function.key)
    if verdicts is None or not verdicts.elite or verdicts.digest != function.function.digest:
        return 0
    marked = 0
    for ordinal, site in enumerate(function.sites):
        verdict = verdicts.conditions.get(ordinal, Verdict.UNKNOWN)
        if site.kind == "if" and verdict is not Verdict.UNKNOWN:
            edits.wrap(*site.span, "lp_thesis_likely(!!(", "))")
            marked += 1
    return marked


class _Globals:
    """Uses of file-scope variables in a unit's functions."""

    def __init__(self, unit: ParsedUnit) -> None:
        self.unit = unit
        self.tree = unit.tree
        self.names: list[str] = []
        self.count = 0
        self._known: dict[int, str] = {}  # by the declaration's place; "" for what is left alone
        self._spans: set[tuple[int, int]] = set()

    def edit(self, edits: Edits, functions: list[FunctionSites]) -> _Globals:
        """Edit all uses; afterwards `names` has the table's entries in order."""
        for function in functions:
            self._spans = set()
            self.tree.visit(function.node.body, self._visit)
            for start, end in sorted(self._spans):
                name = self.unit.text[start:end].decode()
                number = self.names.index(name)
                edits.wrap(start, end, "(*(__typeof__(", f")*){_TABLE}[{number}])")
            self.count += len(self._spans)
        return self

    def _visit(self, cursor: ast.Cursor, _parent: ast.Cursor) -> int:
        if cursor.kind in (ast.SIZEOF_EXPR, ast.ASM_STMT, ast.GENERIC_EXPR):
            return ast.CONTINUE
        library = self.tree.library
        if cursor.kind == ast.VAR_DECL:
            # A static variable's initial value is no access.
            storage = library.clang_Cursor_getStorageClass(cursor)
            return ast.CONTINUE if storage == ast.STATIC_STORAGE else ast.RECURSE
        if cursor.kind != ast.DECL_REF_EXPR:
            return ast.RECURSE
        declared = library.clang_getCursorReferenced(cursor)
        if declared.kind == ast.VAR_DECL:
            name = self._name(declared)
            start, end = self.tree.extent(cursor)
            if name and self.unit.text[start:end] == name.encode():
                self._spans.add((start, end))
                if name not in self.names:
                    self.names.append(name)
        return ast.CONTINUE

    def _name(self, declared: ast.Cursor) -> str:
        start, end = self.tree.extent(declared)
        known = self._known.get(start)
        if known is None:
            known = self.tree.spelling(declared) if self._is_global(start, end) else ""
            self._known[start] = known
        return known

    def _is_global(self, start: int, end: int) -> bool:
        """Whether a declaration is at file scope, of the application's own, and not per thread."""
        if any(f.start <= start < f.end for f in self.unit.functions):
            return False
        if self.unit.lines.at(start).system:
            return False
        return not _THREAD_LOCAL.search(self.unit.text, start, end)
