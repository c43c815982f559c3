# SPDX-License-Identifier: GPL-2.0-only
"""libclang's cursors by plain ctypes: a callback a cursor, and no Python object besides it.

`clang.cindex` makes several objects and calls for each cursor; a unit of memcached has 40,000, and
the passes run once a compiler call. Offsets come out of the raw source locations: the text that we
parse is preprocessed, so all of it lies in one file, in order.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from functools import cache
from typing import Any

from clang import cindex

BREAK, CONTINUE, RECURSE = 0, 1, 2  # CXChildVisitResult

# CXCursorKind; stable numbers of libclang's C interface (a few moved in LLVM 15 and are asked for).
KIND = cindex.CursorKind
FUNCTION_DECL = KIND.FUNCTION_DECL.value
VAR_DECL = KIND.VAR_DECL.value
ENUM_CONSTANT_DECL = KIND.ENUM_CONSTANT_DECL.value
DECL_REF_EXPR = KIND.DECL_REF_EXPR.value
UNEXPOSED_EXPR = KIND.UNEXPOSED_EXPR.value
PAREN_EXPR = KIND.PAREN_EXPR.value
UNARY_OPERATOR = KIND.UNARY_OPERATOR.value
BINARY_OPERATOR = KIND.BINARY_OPERATOR.value
CONDITIONAL_OPERATOR = KIND.CONDITIONAL_OPERATOR.value
CALL_EXPR = KIND.CALL_EXPR.value
CAST_EXPR = KIND.CSTYLE_CAST_EXPR.value
SIZEOF_EXPR = KIND.CXX_UNARY_EXPR.value
GENERIC_EXPR = KIND.GENERIC_SELECTION_EXPR.value
COMPOUND_STMT = KIND.COMPOUND_STMT.value
LABEL_STMT = KIND.LABEL_STMT.value
CASE_STMT = KIND.CASE_STMT.value
DEFAULT_STMT = KIND.DEFAULT_STMT.value
IF_STMT = KIND.IF_STMT.value
SWITCH_STMT = KIND.SWITCH_STMT.value
WHILE_STMT = KIND.WHILE_STMT.value
DO_STMT = KIND.DO_STMT.value
FOR_STMT = KIND.FOR_STMT.value
DECL_STMT = KIND.DECL_STMT.value
ASM_STMT = KIND.ASM_STMT.value
INDIRECT_GOTO_STMT = KIND.INDIRECT_GOTO_STMT.value
LEAVES = tuple(
    kind.value
    for kind in (
        KIND.DECL_REF_EXPR,
        KIND.INTEGER_LITERAL,
        KIND.FLOATING_LITERAL,
        KIND.STRING_LITERAL,
        KIND.CHARACTER_LITERAL,
        KIND.ADDR_LABEL_EXPR,
        KIND.GOTO_STMT,
        KIND.BREAK_STMT,
        KIND.CONTINUE_STMT,
        KIND.NULL_STMT,
        KIND.LABEL_REF,
        KIND.TYPE_REF,
        KIND.MEMBER_REF,
    )
)
DECLARATIONS = range(1, 40)  # CXCursor_UnexposedDecl … CXCursor_LastDecl
STATIC_STORAGE = cindex.StorageClass.STATIC.value
INTERNAL_LINKAGE = cindex.LinkageKind.INTERNAL.value
VARIABLE_ARRAY = cindex.TypeKind.VARIABLEARRAY.value
ENUM_TYPE = cindex.TypeKind.ENUM.value
_EVALUATED_NUMBERS = (1, 2)  # CXEval_Int, CXEval_Float
_IN_MACRO = 1 << 31


class Cursor(ctypes.Structure):
    """CXCursor. For a statement or expression, `d1` is its address in clang's tree."""

    _fields_ = (
        ("kind", ctypes.c_int),
        ("xdata", ctypes.c_int),
        ("d0", ctypes.c_void_p),
        ("d1", ctypes.c_void_p),
        ("d2", ctypes.c_void_p),
    )
    kind: int
    d1: int | None


class _Range(ctypes.Structure):
    _fields_ = (
        ("p0", ctypes.c_void_p),
        ("p1", ctypes.c_void_p),
        ("begin", ctypes.c_uint),
        ("end", ctypes.c_uint),
    )
    begin: int
    end: int


class _Location(ctypes.Structure):
    _fields_ = (("p0", ctypes.c_void_p), ("p1", ctypes.c_void_p), ("raw", ctypes.c_uint))


class _Type(ctypes.Structure):
    _fields_ = (("kind", ctypes.c_int), ("d0", ctypes.c_void_p), ("d1", ctypes.c_void_p))
    kind: int


class _String(ctypes.Structure):
    _fields_ = (("data", ctypes.c_void_p), ("flags", ctypes.c_uint))


Visitor = ctypes.CFUNCTYPE(ctypes.c_int, Cursor, Cursor, ctypes.c_void_p)


@cache
def _library() -> Any:
    """libclang once more, with argument types of our own (those of cindex stay as they are)."""
    library = ctypes.CDLL(cindex.conf.get_filename())
    pointer, number = ctypes.c_void_p, ctypes.c_uint
    signatures: dict[str, tuple[Any, list[Any]]] = {
        "clang_getTranslationUnitCursor": (Cursor, [pointer]),
        "clang_visitChildren": (number, [Cursor, Visitor, pointer]),
        "clang_getCursorExtent": (_Range, [Cursor]),
        "clang_getRangeStart": (_Location, [_Range]),
        "clang_getRangeEnd": (_Location, [_Range]),
        "clang_getFileLocation": (None, [_Location, *([pointer] * 3), ctypes.POINTER(number)]),
        "clang_getCursorReferenced": (Cursor, [Cursor]),
        "clang_getCursorDefinition": (Cursor, [Cursor]),
        "clang_getCursorSpelling": (_String, [Cursor]),
        "clang_getCString": (ctypes.c_char_p, [_String]),
        "clang_disposeString": (None, [_String]),
        "clang_getCursorLinkage": (ctypes.c_int, [Cursor]),
        "clang_Cursor_getStorageClass": (ctypes.c_int, [Cursor]),
        "clang_Cursor_getVarDeclInitializer": (Cursor, [Cursor]),
        "clang_isCursorDefinition": (number, [Cursor]),
        "clang_getCursorType": (_Type, [Cursor]),
        "clang_getCanonicalType": (_Type, [_Type]),
        "clang_getTypeDeclaration": (Cursor, [_Type]),
        "clang_getEnumConstantDeclValue": (ctypes.c_longlong, [Cursor]),
        "clang_Cursor_Evaluate": (pointer, [Cursor]),
        "clang_EvalResult_getKind": (ctypes.c_int, [pointer]),
        "clang_EvalResult_getAsLongLong": (ctypes.c_longlong, [pointer]),
        "clang_EvalResult_dispose": (None, [pointer]),
    }
    for name, (result, arguments) in signatures.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library


class Tree:
    """One parsed unit. Cursors stay valid as long as the Tree lives."""

    def __init__(self, unit: cindex.TranslationUnit) -> None:
        self.unit = unit
        self.library = _library()
        self.root: Cursor = self.library.clang_getTranslationUnitCursor(unit.obj)
        self._extent = self.library.clang_getCursorExtent
        self._base: int = self._extent(self.root).begin
        self._visit = self.library.clang_visitChildren
        self._found: list[Cursor] = []
        self._gather = Visitor(self._gather_one)

    def _gather_one(self, cursor: Cursor, _parent: Cursor, _data: object) -> int:
        self._found.append(cursor)
        return CONTINUE

    def children(self, cursor: Cursor) -> list[Cursor]:
        """The direct children of `cursor`."""
        self._found = []
        self._visit(cursor, self._gather, None)
        return self._found

    def visit(self, cursor: Cursor, visitor: Callable[[Cursor, Cursor], int]) -> None:
        """Call `visitor(child, parent)` below `cursor`; it says BREAK, CONTINUE or RECURSE."""
        failures: list[BaseException] = []

        def guarded(child: Cursor, parent: Cursor, _data: object) -> int:
            # ctypes would print an exception and go on.
            try:
                return visitor(child, parent)
            except BaseException as error:
                failures.append(error)
                return BREAK

        self._visit(cursor, Visitor(guarded), None)
        if failures:
            raise failures[0]

    def extent(self, cursor: Cursor) -> tuple[int, int]:
        """First byte, and the one behind the last, of `cursor` in the text."""
        place = self._extent(cursor)
        begin, end = place.begin, place.end
        if (begin | end) & _IN_MACRO:
            # One of the type names that parse.py defines as macros is its first or last token.
            offset = ctypes.c_uint()
            for get in ("clang_getRangeStart", "clang_getRangeEnd"):
                location = getattr(self.library, get)(place)
                self.library.clang_getFileLocation(location, None, None, None, offset)
                begin, end = end, offset.value
            return begin, end
        return begin - self._base, end - self._base

    def spelling(self, cursor: Cursor) -> str:
        """A declaration's name."""
        string = self.library.clang_getCursorSpelling(cursor)
        raw: bytes = self.library.clang_getCString(string) or b""
        self.library.clang_disposeString(string)
        return raw.decode("utf-8", "surrogateescape")

    def value(self, cursor: Cursor) -> int | None:
        """What clang makes of an expression by itself: an integer (of a floating constant, 1), or
        None where only a run can tell."""
        result = self.library.clang_Cursor_Evaluate(cursor)
        if not result:
            return None
        kind = self.library.clang_EvalResult_getKind(result)
        value = None
        if kind in _EVALUATED_NUMBERS:
            is_integer = kind == _EVALUATED_NUMBERS[0]
            value = self.library.clang_EvalResult_getAsLongLong(result) if is_integer else 1
        self.library.clang_EvalResult_dispose(result)
        return value

    def bare(self, cursor: Cursor) -> Cursor:
        """`cursor` without the parentheses and implicit casts around it."""
        while cursor.kind in (UNEXPOSED_EXPR, PAREN_EXPR):
            inner = self.children(cursor)
            if len(inner) != 1:
                break
            cursor = inner[0]
        return cursor
