# SPDX-License-Identifier: GPL-2.0-only
"""Whether a function can run on a stack slot: what it takes and gives must be in registers."""

from __future__ import annotations

from typing import Any

from clang import cindex

from lp_build.errors import LakePlacidError
from lp_build.source import ast
from lp_build.source.parse import FunctionNode

_INTEGER_REGISTERS = 6  # System V psABI 3.2.3
_VECTOR_REGISTERS = 8
_EIGHTBYTE = 8
_REMEDY = (
    "name another function in lp.toml, whose arguments and result all fit in registers, such as "
    "one that this one calls or that takes a pointer"
)


def check_request(tree: ast.Tree, node: FunctionNode, file: str) -> None:
    """Raise LakePlacidError, at `file`, unless all arguments and the result of a function travel
    in registers that a stack switch carries over."""
    kinds = cindex.TypeKind
    function = _cursor(tree, node)

    def fail(what: str) -> LakePlacidError:
        return LakePlacidError(
            f"the request function {node.name} {what}, so it can't run on a stack of its own",
            file=file,
            line=node.position.line,
            remedy=_REMEDY,
        )

    if function.type.kind == kinds.FUNCTIONPROTO and function.type.is_function_variadic():
        raise fail("takes a variable number of arguments")
    result = function.result_type.get_canonical()
    if result.kind == kinds.RECORD:
        raise fail("returns a struct or union")
    if result.kind not in (kinds.FLOAT, kinds.DOUBLE, kinds.VOID) and not _is_word(result):
        raise fail(f"returns `{result.spelling}`, which takes more than one register")
    integers = vectors = 0
    for argument in function.get_arguments():
        kind = argument.type.get_canonical()
        if kind.kind in (kinds.FLOAT, kinds.DOUBLE):
            vectors += 1
        elif _is_word(kind):
            integers += 1
        elif kind.kind in (kinds.RECORD, kinds.INT128, kinds.UINT128) and _is_small(kind):
            # Which registers a small struct takes depends on its members: room in both is enough.
            words = (kind.get_size() + _EIGHTBYTE - 1) // _EIGHTBYTE
            integers += words
            vectors += words
        else:
            raise fail(f"takes `{argument.spelling}` in memory")
    if integers > _INTEGER_REGISTERS or vectors > _VECTOR_REGISTERS:
        raise fail(
            f"takes more arguments than go in registers ({_INTEGER_REGISTERS} integers or pointers)"
        )


def _is_word(kind: Any) -> bool:
    """Whether a type is one integer, pointer or enumeration."""
    kinds = cindex.TypeKind
    number = kinds.BOOL.value <= kind.kind.value <= kinds.LONGLONG.value
    wide = kind.kind in (kinds.INT128, kinds.UINT128)
    pointer = kind.kind in (
        kinds.POINTER, kinds.ENUM, kinds.CONSTANTARRAY, kinds.INCOMPLETEARRAY, kinds.VARIABLEARRAY
    )  # fmt: skip
    return (number and not wide) or pointer


def _is_small(kind: Any) -> bool:
    """Whether a struct can travel in two registers: not by size alone, but one that is aligned as
    its members want and has no long double in it."""
    size, alignment = kind.get_size(), kind.get_align()
    if not 0 < size <= 2 * _EIGHTBYTE or alignment > _EIGHTBYTE:
        return bool(kind.kind != cindex.TypeKind.RECORD)
    packed = any(field.type.get_align() > alignment for field in kind.get_fields())
    return not packed


def _cursor(tree: ast.Tree, node: FunctionNode) -> Any:
    """cindex's own cursor of a function, with its whole interface: this is asked once a build."""
    location = cindex.SourceLocation.from_offset(
        tree.unit, tree.unit.get_file(tree.unit.spelling), node.start
    )
    for cursor in tree.unit.cursor.get_children():
        if cursor.spelling == node.name and cursor.extent.start.offset == location.offset:
            return cursor
    raise LakePlacidError(
        f"the request function {node.name} was lost", remedy="this is a defect of LakePlacid"
    )
