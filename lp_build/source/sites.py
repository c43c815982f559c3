"""Sites of a function: conditionals, switches, indirect calls, and where their edits go."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from clang import cindex

from lp_build.source.model import Arm, Function, Site
from lp_build.source.parse import FunctionNode, LineMap, ParsedUnit

_K = cindex.CursorKind
_SKIPPED = frozenset(
    kind.value
    for kind in (
        _K.CXX_UNARY_EXPR,  # sizeof, alignof
        _K.GENERIC_SELECTION_EXPR,
        _K.ASM_STMT,
        _K.TYPEDEF_DECL,
        _K.STRUCT_DECL,
        _K.UNION_DECL,
        _K.ENUM_DECL,
        _K.FUNCTION_DECL,
        _K.TYPE_REF,
        _K.DECL_REF_EXPR,
        _K.INTEGER_LITERAL,
        _K.STRING_LITERAL,
        _K.CHARACTER_LITERAL,
        _K.FLOATING_LITERAL,
        _K.GOTO_STMT,
        _K.BREAK_STMT,
        _K.CONTINUE_STMT,
        _K.NULL_STMT,
        _K.ADDR_LABEL_EXPR,
        _K.StaticAssert if hasattr(_K, "StaticAssert") else _K.STATIC_ASSERT,
    )
)
_IF, _WHILE, _DO, _FOR = (k.value for k in (_K.IF_STMT, _K.WHILE_STMT, _K.DO_STMT, _K.FOR_STMT))
_SWITCH, _CASE, _DEFAULT = (k.value for k in (_K.SWITCH_STMT, _K.CASE_STMT, _K.DEFAULT_STMT))
_CONDITIONAL, _BINARY = _K.CONDITIONAL_OPERATOR.value, _K.BINARY_OPERATOR.value
_CALL, _COMPOUND, _LABEL = _K.CALL_EXPR.value, _K.COMPOUND_STMT.value, _K.LABEL_STMT.value
_VAR, _DECL_STMT = _K.VAR_DECL.value, _K.DECL_STMT.value
_PAREN, _UNEXPOSED, _REF = _K.PAREN_EXPR.value, _K.UNEXPOSED_EXPR.value, _K.DECL_REF_EXPR.value
_CAST = _K.CSTYLE_CAST_EXPR.value
_STATEMENT_EXPRESSION = _K.StmtExpr.value
# Builtins that look at an expression without running it, or need it constant.
_UNEVALUATED = re.compile(
    rb"__builtin_(constant_p|choose_expr|types_compatible_p|offsetof|object_size"
    rb"|dynamic_object_size|classify_type|has_attribute|va_arg|prefetch|shuffle\w*|ia32_\w+)\b"
)
_LINE_MARKERS = re.compile(rb"^#[^\n]*\n", re.M)
_SPACE = re.compile(rb"\s+")


@dataclass
class Owner:
    """Counts the bytes of source that belong to an arm and to no arm within it."""

    weight: int = 0


@dataclass
class ArmNode:
    """An arm being collected; insert: offset behind the label, for switch arms (-1: none)."""

    name: str
    owner: Owner
    line: int
    insert: int = -1


@dataclass
class SiteNode:
    """A site and the text that its edits touch: [start, end) is the condition or the callee;
    implicit_default: offset of the brace that ends a switch without default, else -1."""

    kind: str
    start: int
    end: int
    line: int
    column: int
    arms: list[ArmNode] = field(default_factory=list)
    implicit_default: int = -1


@dataclass(frozen=True)
class LoopNode:
    """A loop; body: offset behind the brace of a compound body (-1 for others)."""

    body: int
    line: int
    outermost: bool
    condition: tuple[int, int] | None


@dataclass(frozen=True)
class FunctionSites:
    """One function with its sites, in source order, and their places in the text."""

    function: Function
    node: FunctionNode
    body: int  # offset behind the opening brace
    sites: tuple[SiteNode, ...]
    loops: tuple[LoopNode, ...]
    calls: frozenset[str]


class _Walker:
    def __init__(self, text: bytes, lines: LineMap) -> None:
        self.text = text
        self.lines = lines
        self.sites: list[SiteNode] = []
        self.loops: list[LoopNode] = []
        self.calls: set[str] = set()
        self.seen: set[tuple[int, int, int]] = set()
        self.switches: list[SiteNode] = []
        self.depth = 0

    # -- helpers ------------------------------------------------------------------------------

    def site(self, kind: str, start: int, end: int) -> SiteNode:
        node = SiteNode(kind, start, end, self.lines.at(start).line, self.lines.column(start))
        self.sites.append(node)
        return node

    def arm(self, site: SiteNode, name: str, start: int, owner: Owner, insert: int = -1) -> Owner:
        node = ArmNode(name, Owner(), self.lines.at(start).line, insert)
        site.arms.append(node)
        return node.owner

    def condition(self, kind: str, cursor: cindex.Cursor) -> SiteNode | None:
        """A site for a condition, unless it is constant."""
        extent = cursor.extent
        start, end = extent.start.offset, extent.end.offset
        if end <= start or is_constant(cursor):
            return None
        return self.site(kind, start, end)

    def owned(
        self,
        site: SiteNode | None,
        name: str,
        cursor: cindex.Cursor | None,
        owner: Owner,
        parent: int,
    ) -> None:
        """Walk what an arm runs; its bytes move from `owner` to the arm."""
        if cursor is None:
            if site is not None:
                self.arm(site, name, site.start, owner)
            return
        if site is None:
            self.walk(cursor, owner, parent)
            return
        extent = cursor.extent
        start, end = extent.start.offset, extent.end.offset
        inner = self.arm(site, name, start, owner)
        inner.weight += end - start
        owner.weight -= end - start
        self.walk(cursor, inner, parent)

    # -- the walk -----------------------------------------------------------------------------

    def walk(self, cursor: cindex.Cursor, owner: Owner, parent: int) -> None:
        kind = cursor._kind_id
        if kind in _SKIPPED:
            return
        handler = _HANDLERS.get(kind)
        if handler is not None:
            handler(self, cursor, owner, parent)
            return
        if kind == _UNEXPOSED:
            extent = cursor.extent
            start, end = extent.start.offset, extent.end.offset
            if _UNEVALUATED.match(self.text, start):
                return
            # gcc's `a ?: b` shows its condition more than once.
            if self.text[start:end].find(b"?") >= 0:
                for child in cursor.get_children():
                    place = child.extent
                    key = (place.start.offset, place.end.offset, child._kind_id)
                    if key not in self.seen:
                        self.seen.add(key)
                        self.walk(child, owner, kind)
                return
        for child in cursor.get_children():
            self.walk(child, owner, kind)

    def walk_if(self, cursor: cindex.Cursor, owner: Owner, parent: int) -> None:
        condition, then, *rest = cursor.get_children()
        site = self.condition("if", condition)
        self.walk(condition, owner, _IF)
        self.owned(site, "true", then, owner, _IF)
        self.owned(site, "false", rest[0] if rest else None, owner, _IF)

    def walk_conditional(self, cursor: cindex.Cursor, owner: Owner, parent: int) -> None:
        children = list(cursor.get_children())
        if len(children) != 3:
            return
        site = self.condition("cond", children[0])
        self.walk(children[0], owner, _CONDITIONAL)
        self.owned(site, "true", children[1], owner, _CONDITIONAL)
        self.owned(site, "false", children[2], owner, _CONDITIONAL)

    def walk_binary(self, cursor: cindex.Cursor, owner: Owner, parent: int) -> None:
        left, right = cursor.get_children()
        between = self.text[left.extent.end.offset : right.extent.start.offset]
        operator = _LINE_MARKERS.sub(b"", between).strip()
        if operator not in (b"&&", b"||"):
            self.walk(left, owner, _BINARY)
            self.walk(right, owner, _BINARY)
            return
        site = self.condition("and" if operator == b"&&" else "or", left)
        self.walk(left, owner, _BINARY)
        runs, skips = ("true", "false") if operator == b"&&" else ("false", "true")
        if site is not None and runs == "false":
            self.owned(site, skips, None, owner, _BINARY)
        self.owned(site, runs, right, owner, _BINARY)
        if site is not None and runs == "true":
            self.owned(site, skips, None, owner, _BINARY)

    def loop(
        self,
        kind: str,
        cursor: cindex.Cursor,
        condition: cindex.Cursor | None,
        body: cindex.Cursor,
        rest: Sequence[cindex.Cursor],
        owner: Owner,
    ) -> None:
        site = self.condition(kind, condition) if condition is not None else None
        compound = body._kind_id == _COMPOUND
        start = body.extent.start.offset
        self.loops.append(
            LoopNode(
                start + 1 if compound else -1,
                self.lines.at(cursor.extent.start.offset).line,
                self.depth == 0,
                (site.start, site.end) if site else None,
            )
        )
        if condition is not None:
            self.walk(condition, owner, _WHILE)
        for other in rest:
            self.walk(other, owner, _FOR)
        self.depth += 1
        self.owned(site, "true", body, owner, _WHILE)
        self.depth -= 1
        if site is not None:
            self.owned(site, "false", None, owner, _WHILE)

    def walk_while(self, cursor: cindex.Cursor, owner: Owner, parent: int) -> None:
        condition, body = cursor.get_children()
        self.loop("while", cursor, condition, body, (), owner)

    def walk_do(self, cursor: cindex.Cursor, owner: Owner, parent: int) -> None:
        body, condition = cursor.get_children()
        self.loop("do", cursor, condition, body, (), owner)

    def walk_for(self, cursor: cindex.Cursor, owner: Owner, parent: int) -> None:
        *head, body = cursor.get_children()
        first, second = self.semicolons(cursor.extent.start.offset)
        condition, rest = None, []
        for child in head:
            start = child.extent.start.offset
            if first < start < second:
                condition = child
            else:
                rest.append(child)
        self.loop("for", cursor, condition, body, rest, owner)

    def semicolons(self, start: int) -> tuple[int, int]:
        """Offsets of the two semicolons in the head of the `for` that begins at `start`."""
        depth = 0
        found: list[int] = []
        position = self.text.index(b"(", start)
        while len(found) < 2:
            byte = self.text[position : position + 1]
            if byte in (b"(", b"{", b"["):
                depth += 1
            elif byte in (b")", b"}", b"]"):
                depth -= 1
            elif byte in (b'"', b"'"):
                position = self.quoted_end(position)
            elif byte == b"#" and self.text[position - 1 : position] == b"\n":
                position = self.text.index(b"\n", position)
            elif byte == b";" and depth == 1:
                found.append(position)
            position += 1
        return found[0], found[1]

    def quoted_end(self, position: int) -> int:
        quote = self.text[position]
        position += 1
        while self.text[position] != quote:
            position += 2 if self.text[position] == 0x5C else 1
        return position

    def walk_switch(self, cursor: cindex.Cursor, owner: Owner, parent: int) -> None:
        *head, body = cursor.get_children()
        start = head[-1].extent.start.offset
        site = self.site("switch", start, head[-1].extent.end.offset)
        for child in head:
            self.walk(child, owner, _SWITCH)
        compound = body._kind_id == _COMPOUND
        self.switches.append(site)
        self.walk(body, owner, _SWITCH)
        self.switches.pop()
        if not any(arm.name == "default" for arm in site.arms):
            self.arm(site, "default", start, owner)
            if compound and not self.declares(body):
                site.implicit_default = body.extent.end.offset - 1
        if site.implicit_default < 0 and all(arm.insert < 0 for arm in site.arms):
            self.sites.remove(site)

    def declares(self, body: cindex.Cursor) -> bool:
        """Whether a switch's body declares something at its top: a jump over it could be wrong."""
        return any(child._kind_id == _DECL_STMT for child in body.get_children())

    def walk_case(self, cursor: cindex.Cursor, owner: Owner, parent: int) -> None:
        statement = None
        for statement in cursor.get_children():  # noqa: B007 - the last child
            pass
        if statement is None or not self.switches:
            return
        site = self.switches[-1]
        start = statement.extent.start.offset
        is_case = cursor._kind_id == _CASE
        name = f"case{sum(a.name != 'default' for a in site.arms)}" if is_case else "default"
        insert = start if parent == _COMPOUND else -1
        inner = self.arm(site, name, cursor.extent.start.offset, owner, insert)
        length = statement.extent.end.offset - start
        inner.weight += length
        owner.weight -= length
        self.walk(statement, inner, parent)

    def walk_label(self, cursor: cindex.Cursor, owner: Owner, parent: int) -> None:
        for child in cursor.get_children():
            self.walk(child, owner, parent)

    def walk_compound(self, cursor: cindex.Cursor, owner: Owner, parent: int) -> None:
        for child in cursor.get_children():
            self.walk(child, owner, _COMPOUND)

    def walk_var(self, cursor: cindex.Cursor, owner: Owner, parent: int) -> None:
        if cursor.storage_class == cindex.StorageClass.STATIC:
            return
        children = list(cursor.get_children())
        if not children:
            return
        last = children[-1]
        # An array's bound is a child too: only what stands behind `=` is an initialiser.
        before = self.text[cursor.extent.start.offset : last.extent.start.offset].rstrip()
        if before.endswith(b"="):
            self.walk(last, owner, _VAR)

    def walk_call(self, cursor: cindex.Cursor, owner: Owner, parent: int) -> None:
        children = list(cursor.get_children())
        if not children:
            return
        callee = children[0]
        name = self.direct(callee)
        if name is None:
            extent = callee.extent
            self.site("icall", extent.start.offset, extent.end.offset)
            self.walk(callee, owner, _CALL)
        else:
            self.calls.add(name)
            if _UNEVALUATED.match(name.encode()):
                return
        for child in children[1:]:
            self.walk(child, owner, _CALL)

    def direct(self, callee: cindex.Cursor) -> str | None:
        """The function that a callee names, or None for a pointer."""
        while callee._kind_id in (_PAREN, _UNEXPOSED):
            inner = next(iter(callee.get_children()), None)
            if inner is None:
                return callee.spelling or ""
            callee = inner
        if callee._kind_id != _REF:
            return None
        target = callee.referenced
        if target is None or target.kind == _K.FUNCTION_DECL:
            return str(callee.spelling)
        return None


_HANDLERS = {
    _IF: _Walker.walk_if,
    _CONDITIONAL: _Walker.walk_conditional,
    _BINARY: _Walker.walk_binary,
    _WHILE: _Walker.walk_while,
    _DO: _Walker.walk_do,
    _FOR: _Walker.walk_for,
    _SWITCH: _Walker.walk_switch,
    _CASE: _Walker.walk_case,
    _DEFAULT: _Walker.walk_case,
    _LABEL: _Walker.walk_label,
    _COMPOUND: _Walker.walk_compound,
    _VAR: _Walker.walk_var,
    _CALL: _Walker.walk_call,
}


def is_constant(cursor: cindex.Cursor) -> bool:
    """Whether clang can evaluate an expression to an integer."""
    library = cindex.conf.lib
    result = library.clang_Cursor_Evaluate(cursor)
    if not result:
        return False
    kind = library.clang_EvalResult_getKind(result)
    library.clang_EvalResult_dispose(result)
    return bool(kind != 0)


def _declare_evaluate() -> None:
    from ctypes import c_int, c_void_p

    library = cindex.conf.lib
    library.clang_Cursor_Evaluate.argtypes = [cindex.Cursor]
    library.clang_Cursor_Evaluate.restype = c_void_p
    library.clang_EvalResult_getKind.argtypes = [c_void_p]
    library.clang_EvalResult_getKind.restype = c_int
    library.clang_EvalResult_dispose.argtypes = [c_void_p]


def digest(text: bytes) -> str:
    """16 hexadecimal digits over a function's text, blind to white space and line markers."""
    bare = _SPACE.sub(b" ", _LINE_MARKERS.sub(b"", text))
    return hashlib.sha256(bare).hexdigest()[:16]


def find_sites(unit: ParsedUnit, name_file: dict[str, str]) -> list[FunctionSites]:
    """The sites of all functions of `unit`; `name_file` gives each file's name for sites."""
    _declare_evaluate()
    return [_function(unit, node, name_file[node.position.file]) for node in unit.functions]


def _function(unit: ParsedUnit, node: FunctionNode, file: str) -> FunctionSites:
    body = None
    for child in node.cursor.get_children():
        if child._kind_id == _COMPOUND:
            body = child
    assert body is not None
    extent = body.extent
    walker = _Walker(unit.text, unit.lines)
    owner = Owner(extent.end.offset - extent.start.offset)
    walker.walk(body, owner, _COMPOUND)
    sites = sorted(walker.sites, key=lambda s: (s.start, -s.end))
    function = Function(
        file=file,
        name=node.cursor.spelling,
        line=node.position.line,
        static=node.cursor.storage_class == cindex.StorageClass.STATIC,
        digest=digest(unit.text[node.start : node.end]),
        weight=max(owner.weight, 1),
        sites=tuple(
            Site(
                ordinal,
                site.kind,
                site.line,
                site.column,
                tuple(Arm(arm.name, max(arm.owner.weight, 1), arm.line) for arm in site.arms),
            )
            for ordinal, site in enumerate(sites)
        ),
    )
    return FunctionSites(
        function,
        node,
        extent.start.offset + 1,
        tuple(sites),
        tuple(walker.loops),
        frozenset(walker.calls),
    )
