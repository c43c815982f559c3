# SPDX-License-Identifier: GPL-2.0-only
"""Sites of a function: conditionals, switches, indirect calls, and where their edits go."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from lp_build.errors import LakePlacidError
from lp_build.model.fingerprint import Measure, digest
from lp_build.model.lines import LineMap
from lp_build.model.sites import Arm, Call, Function, Site
from lp_build.source import ast
from lp_build.source.parse import FunctionNode, ParsedUnit

# White space, line markers and pragmas: what may stand between two tokens of preprocessed text.
_GAP = re.compile(rb"(?:\s+|^#[^\n]*\n)*", re.M)
_CONSTANT_P = b"__builtin_constant_p"
_OPERATOR = re.compile(rb"&&|\|\|")
# No `+` on the white space: with one there are exponentially many ways to fail.
_CALL_OF_RESULT = re.compile(rb"\)(?:\s|^#[^\n]*\n)*\(", re.M)
_LABEL_BLOCK = re.compile(rb"__label__\b[^;]*;")
# Operands that are looked at and not run, or have to stay constant.
_UNEVALUATED = re.compile(
    rb"\(*\s*__builtin_(?:constant_p|choose_expr|types_compatible_p|offsetof|va_arg|object_size"
    rb"|dynamic_object_size|classify_type|has_attribute|convertvector|shuffle\w*)\b"
)
# Where one of these occurs, casts and unexposed expressions are looked at more closely.
_RARE = re.compile(
    rb"typeof|__builtin_(?:choose_expr|types_compatible_p|offsetof|va_arg|convertvector|shuffle)"
)
# What is no call to the compiler, or has to stand where it stands.
_NO_CALL = ("__builtin_", "__sync_", "__atomic_", "__c11_")
_MUST_TAIL = b"musttail"
_CLEANUP = re.compile(rb"\b(?:__)?cleanup(?:__)?\s*\(")

Span = tuple[int, int]


@dataclass
class ArmNode:
    """An arm and the text that only it reaches; insert: where a statement can be added behind a
    switch label (-1: nowhere); stacked: the label is followed by another at once."""

    name: str
    span: Span
    line: int
    insert: int = -1
    stacked: bool = False


@dataclass
class SiteNode:
    """A site and the text that its edits wrap: span is the condition or the callee.

    file: original, as the line marker says it; implicit_default: offset of the brace that ends a
    switch without `default`, where one can be added, else -1.
    """

    kind: str
    span: Span
    file: str
    line: int
    column: int
    arms: tuple[ArmNode, ...] = ()
    implicit_default: int = -1


@dataclass(frozen=True)
class CallNode:
    """A call and the text that an edit wraps: the whole call, a computed goto's address, or (of
    assembly) where a statement can be added before it. callee, home: as in `model.Call`."""

    kind: str
    span: Span
    line: int
    callee: str = ""
    home: str = ""


@dataclass(frozen=True)
class LoopNode:
    """A loop (`do … while (0)` is none).

    head: where a statement can be added at the start of a compound body, -1 for other bodies.
    declares: whether the body begins with a declaration. condition: its text; empty, at the place
    where it would stand, for a `for` without one. outermost: in no other loop of the function.
    """

    span: Span
    head: int
    declares: bool
    condition: Span
    file: str
    line: int
    outermost: bool


@dataclass(frozen=True)
class FunctionSites:
    """One function with its sites, in the order of `function.sites`, and their places; likewise
    its calls.

    head: where a declaration can be added at the start of the body.
    """

    function: Function
    node: FunctionNode
    head: int
    sites: tuple[SiteNode, ...]
    loops: tuple[LoopNode, ...]
    calls: tuple[CallNode, ...]


@dataclass
class _Switch:
    """A switch being collected: its labels as (span of the label's statement, node)."""

    site: SiteNode
    body: Span
    arms: list[ArmNode] = field(default_factory=list)
    has_default: bool = False
    values: list[ast.Cursor] = field(default_factory=list)
    ranges: bool = False


Handler = Callable[[ast.Cursor, bool], int]


class _Walker:
    """Walks one function's body at a time.

    libclang recurses by itself through what has no handler; handlers push the parts that they
    leave to be walked, with the switch that their labels belong to.
    """

    def __init__(self, unit: ParsedUnit) -> None:
        self.text = unit.text
        self.lines: LineMap = unit.lines
        self.tree = unit.tree
        self.sites: list[SiteNode] = []
        self.loops: list[LoopNode] = []
        self.calls: dict[Span, CallNode] = {}
        self._homes: dict[str, str] = {}
        self._may_wrap = _MUST_TAIL not in unit.text
        self._switch: _Switch | None = None
        self._work: list[tuple[ast.Cursor, _Switch | None]] = []
        self._seen: set[int] = set()
        self._common = self._table(rare=False)
        self._careful = self._table(rare=True)
        self._actions = self._common

    def _table(self, rare: bool) -> dict[int, int | Handler]:
        actions: dict[int, int | Handler] = dict.fromkeys(ast.LEAVES, ast.CONTINUE)
        actions.update(dict.fromkeys(ast.DECLARATIONS, ast.CONTINUE))
        for kind in (ast.SIZEOF_EXPR, ast.GENERIC_EXPR):
            actions[kind] = ast.CONTINUE
        actions.update(
            {
                ast.IF_STMT: self._if,
                ast.CONDITIONAL_OPERATOR: self._conditional,
                ast.BINARY_OPERATOR: self._binary,
                ast.WHILE_STMT: self._while,
                ast.DO_STMT: self._do,
                ast.FOR_STMT: self._for,
                ast.SWITCH_STMT: self._switch_statement,
                ast.CASE_STMT: self._label,
                ast.DEFAULT_STMT: self._label,
                ast.LABEL_STMT: self._label,
                ast.VAR_DECL: self._variable,
                ast.CALL_EXPR: self._call,
                ast.ASM_STMT: self._asm,
                ast.INDIRECT_GOTO_STMT: self._goto,
            }
        )
        if rare:
            actions[ast.CAST_EXPR] = self._cast
            actions[ast.UNEXPOSED_EXPR] = self._unexposed
        return actions

    # -- the walk -----------------------------------------------------------------------------

    def run(self, node: FunctionNode) -> None:
        """Collect the sites and loops of one function."""
        self.sites, self.loops, self.calls, self._seen = [], [], {}, set()
        rare = _RARE.search(self.text, node.body_start, node.body_end)
        self._actions = self._careful if rare else self._common
        self._work = [(node.body, None)]
        while self._work:
            cursor, self._switch = self._work.pop()
            if self._dispatch(cursor, False) == ast.RECURSE:
                self.tree.visit(cursor, self._visit)

    def _visit(self, cursor: ast.Cursor, parent: ast.Cursor) -> int:
        action = self._actions.get(cursor.kind, ast.RECURSE)
        if isinstance(action, int):
            return action
        return action(cursor, parent.kind == ast.COMPOUND_STMT)

    def _dispatch(self, cursor: ast.Cursor, in_block: bool) -> int:
        action = self._actions.get(cursor.kind, ast.RECURSE)
        return action if isinstance(action, int) else action(cursor, in_block)

    def _later(self, *cursors: ast.Cursor) -> None:
        self._work.extend((cursor, self._switch) for cursor in cursors)

    def _again(self, cursor: ast.Cursor) -> bool:
        """Whether this very node was met before: `a ?: b` shows `a` three times."""
        address = cursor.d1 or 0
        if address in self._seen:
            return True
        self._seen.add(address)
        return False

    # -- positions ----------------------------------------------------------------------------

    def _next(self, offset: int) -> int:
        """The first byte of the token at or behind `offset`."""
        match = _GAP.match(self.text, offset)
        return match.end() if match else offset

    def _followed_by(self, offset: int, token: bytes) -> bool:
        return self.text.startswith(token, self._next(offset))

    def block_head(self, brace: int) -> int:
        """Where a declaration can go in the block that `brace` opens: behind `__label__`s, which
        have to come first, and behind pragmas, which some compilers want first."""
        place = brace + 1
        while True:
            token = self._next(place)
            if b"\n#pragma" in self.text[place:token]:
                place = token
            match = _LABEL_BLOCK.match(self.text, token)
            if match is None:
                return place
            place = match.end()

    def _site(self, kind: str, span: Span, arms: Sequence[ArmNode] = ()) -> SiteNode:
        start = span[0]
        position = self.lines.at(start)
        site = SiteNode(
            kind, span, position.file, position.line, self.lines.column(start), tuple(arms)
        )
        self.sites.append(site)
        return site

    def _condition(
        self,
        kind: str,
        cursor: ast.Cursor,
        after: bytes,
        true: ast.Cursor | None,
        false: ast.Cursor | None,
    ) -> None:
        """A site for the condition `cursor`, which token `after` follows, unless it is constant;
        `true` and `false` are what its arms run."""
        span = self.tree.extent(cursor)
        if span[1] <= span[0] or not self._followed_by(span[1], after):
            return
        # What asks whether something is constant is folded early; code behind it may rely on that.
        if self.text.find(_CONSTANT_P, *span) >= 0 or self.tree.value(cursor) is not None:
            return
        self._site(kind, span, [self._arm("true", true, span), self._arm("false", false, span)])

    def _arm(self, name: str, cursor: ast.Cursor | None, condition: Span) -> ArmNode:
        if cursor is None:
            return ArmNode(name, (condition[1], condition[1]), self.lines.line(condition[0]))
        span = self.tree.extent(cursor)
        return ArmNode(name, span, self.lines.line(span[0]))

    # -- expressions --------------------------------------------------------------------------

    def _conditional(self, cursor: ast.Cursor, _in_block: bool) -> int:
        children = self.tree.children(cursor)
        if len(children) != 3 or self._again(cursor):
            return ast.CONTINUE
        condition, true, false = children
        self._condition("cond", condition, b"?", true, false)
        self._later(*children)
        return ast.CONTINUE

    def _binary(self, cursor: ast.Cursor, _in_block: bool) -> int:
        children = self.tree.children(cursor)
        if len(children) != 2:
            return ast.RECURSE
        left, right = children
        end = self.tree.extent(left)[1]
        match = _OPERATOR.match(self.text, self._next(end))
        if match is None:
            return ast.RECURSE
        if self._again(cursor):
            return ast.CONTINUE
        if match.group() == b"&&":
            self._condition("and", left, b"&&", right, None)
        else:
            self._condition("or", left, b"||", None, right)
        self._later(left, right)
        return ast.CONTINUE

    def _call(self, cursor: ast.Cursor, _in_block: bool) -> int:
        function = self.tree.library.clang_getCursorReferenced(cursor)
        if function.kind == ast.FUNCTION_DECL:
            span = self.tree.extent(cursor)
            if _UNEVALUATED.match(self.text, span[0]):
                return ast.CONTINUE
            # What libclang names for `pick(x)(y)` is `pick`.
            if not _CALL_OF_RESULT.search(self.text, *span):
                self._named_call(span, function)
                return ast.RECURSE
        children = self.tree.children(cursor)
        if not children or self._again(cursor):
            return ast.CONTINUE
        callee = children[0]
        if not self._names_function(callee):
            span = self.tree.extent(callee)
            if span[1] > span[0] and self._followed_by(span[1], b"("):
                self._site("icall", span)
        self._later(*children)
        return ast.CONTINUE

    def _named_call(self, span: Span, function: ast.Cursor) -> None:
        name = self.tree.spelling(function)
        if self._may_wrap and not name.startswith(_NO_CALL) and self.text[span[1] - 1] == ord(")"):
            line = self.lines.line(span[0])
            self.calls[span] = CallNode("call", span, line, name, self._home(name, function))

    def _home(self, name: str, function: ast.Cursor) -> str:
        """Where a header of the system defines `function`; "" where it doesn't."""
        if name not in self._homes:
            definition = self.tree.library.clang_getCursorDefinition(function)
            home = ""
            if definition.kind == ast.FUNCTION_DECL:
                start, end = self.tree.extent(definition)
                place = self.lines.at(start)
                if place.system:
                    home = f"{place.file}:{place.line}:{self.lines.line(end - 1)}"
            self._homes[name] = home
        return self._homes[name]

    def _asm(self, cursor: ast.Cursor, in_block: bool) -> int:
        if in_block:
            start = self.tree.extent(cursor)[0]
            self.calls[start, start] = CallNode("asm", (start, start), self.lines.line(start))
        return ast.CONTINUE

    def _goto(self, cursor: ast.Cursor, _in_block: bool) -> int:
        children = self.tree.children(cursor)
        for child in children[:1]:
            span = self.tree.extent(child)
            if span[1] > span[0] and self._followed_by(span[1], b";"):
                self.calls[span] = CallNode("goto", span, self.lines.line(span[0]))
        self._later(*children)
        return ast.CONTINUE

    def _names_function(self, cursor: ast.Cursor) -> bool:
        """Whether a callee is a function's name in parentheses, with `*` or with `&`."""
        while cursor.kind in (ast.UNEXPOSED_EXPR, ast.PAREN_EXPR, ast.UNARY_OPERATOR):
            children = self.tree.children(cursor)
            if len(children) != 1:
                return False
            cursor = children[0]
        if cursor.kind != ast.DECL_REF_EXPR:
            return False
        referenced = self.tree.library.clang_getCursorReferenced(cursor)
        return bool(referenced.kind == ast.FUNCTION_DECL)

    def _cast(self, cursor: ast.Cursor, _in_block: bool) -> int:
        # The type's own expressions (of `typeof`) are children too.
        self._later(*self.tree.children(cursor)[-1:])
        return ast.CONTINUE

    def _unexposed(self, cursor: ast.Cursor, _in_block: bool) -> int:
        start = self.tree.extent(cursor)[0]
        if not _UNEVALUATED.match(self.text, start):
            return ast.RECURSE
        # `__builtin_offsetof(…) && x` begins the same; only the operand itself is unexposed with
        # no child that begins where it begins.
        children = self.tree.children(cursor)
        inner = bool(children) and self.tree.extent(children[0])[0] == start
        return ast.RECURSE if inner else ast.CONTINUE

    def _variable(self, cursor: ast.Cursor, _in_block: bool) -> int:
        library = self.tree.library
        initialiser = library.clang_Cursor_getVarDeclInitializer(cursor)
        if initialiser.d1 and library.clang_Cursor_getStorageClass(cursor) != ast.STATIC_STORAGE:
            self._later(initialiser)
        return ast.CONTINUE

    # -- statements ---------------------------------------------------------------------------

    def _if(self, cursor: ast.Cursor, _in_block: bool) -> int:
        children = self.tree.children(cursor)
        if len(children) not in (2, 3):
            return ast.CONTINUE
        condition, then = children[:2]
        self._condition("if", condition, b")", then, children[2] if children[2:] else None)
        self._later(*children)
        return ast.CONTINUE

    def _loop(
        self, cursor: ast.Cursor, body: ast.Cursor, condition: Span, is_loop: bool = True
    ) -> None:
        span = self.tree.extent(cursor)
        head, declares = -1, False
        if body.kind == ast.COMPOUND_STMT:
            head = self.block_head(self.tree.extent(body)[0])
            first = self.tree.children(body)[:1]
            declares = bool(first) and first[0].kind == ast.DECL_STMT
        if is_loop:
            position = self.lines.at(span[0])
            self.loops.append(
                LoopNode(span, head, declares, condition, position.file, position.line, False)
            )

    def _while(self, cursor: ast.Cursor, _in_block: bool) -> int:
        children = self.tree.children(cursor)
        if len(children) != 2:
            return ast.CONTINUE
        condition, body = children
        self._loop(cursor, body, self.tree.extent(condition))
        self._condition("while", condition, b")", body, None)
        self._later(condition, body)
        return ast.CONTINUE

    def _do(self, cursor: ast.Cursor, _in_block: bool) -> int:
        children = self.tree.children(cursor)
        if len(children) != 2:
            return ast.CONTINUE
        body, condition = children
        once = self.tree.value(condition) == 0
        self._loop(cursor, body, self.tree.extent(condition), is_loop=not once)
        if not once:
            self._condition("do", condition, b")", body, None)
        self._later(condition, body)
        return ast.CONTINUE

    def _for(self, cursor: ast.Cursor, _in_block: bool) -> int:
        children = self.tree.children(cursor)
        if not children:
            return ast.CONTINUE
        *parts, body = children
        # `for`, `(`: the head begins; then what is there is told by the semicolons.
        opening = self._next(self.tree.extent(cursor)[0] + len(b"for"))
        place = self._next(opening + 1)
        rest = list(parts)
        if not self.text.startswith(b";", place):
            if not rest:
                return ast.CONTINUE
            first = rest.pop(0)
            end = self.tree.extent(first)[1]
            # A declaration's extent holds its semicolon.
            place = end - 1 if first.kind == ast.DECL_STMT else self._next(end)
        condition: ast.Cursor | None = None
        span = (place + 1, place + 1)
        if rest and not self.text.startswith(b";", self._next(place + 1)):
            condition = rest[0]
            span = self.tree.extent(condition)
        self._loop(cursor, body, span)
        if condition is not None:
            self._condition("for", condition, b";", body, None)
        self._later(*children)
        return ast.CONTINUE

    # -- switches -----------------------------------------------------------------------------

    def _switch_statement(self, cursor: ast.Cursor, _in_block: bool) -> int:
        children = self.tree.children(cursor)
        if len(children) != 2:
            return ast.CONTINUE
        condition, body = children
        span = self.tree.extent(condition)
        self._later(condition)
        if self.tree.value(condition) is not None or not self._followed_by(span[1], b")"):
            # Its labels are not a site's, and neither are they those of a switch around it.
            self._work.append((body, None))
            return ast.CONTINUE
        switch = _Switch(self._site("switch", span), self.tree.extent(body))
        # What the body holds is walked at once, so that all labels are known behind it; switches
        # within it are met in the same walk.
        outer, self._switch = self._switch, switch
        held, self._work = self._work, [(body, switch)]
        while self._work:
            part, self._switch = self._work.pop()
            if self._dispatch(part, False) == ast.RECURSE:
                self.tree.visit(part, self._visit)
        self._switch, self._work = outer, held
        self._finish(switch, condition, body)
        return ast.CONTINUE

    def _finish(self, switch: _Switch, condition: ast.Cursor, body: ast.Cursor) -> None:
        site = switch.site
        if not switch.arms:  # `switch (x) { }` decides nothing
            self.sites.remove(site)
            return
        arms = sorted(switch.arms, key=lambda arm: arm.span[0])
        number = 0
        for arm in arms:
            if arm.name != "default":
                arm.name = f"case{number}"
                number += 1
        end = switch.body[1]
        # An arm reaches from its label to the next one: what the parser calls the label's
        # statement is only the first one behind it.
        for arm, following in zip(arms, [*arms[1:], None], strict=True):
            limit = following.span[0] if following else end - 1
            arm.span = (arm.span[1], max(arm.span[1], limit))
        if not switch.has_default:
            if body.kind == ast.COMPOUND_STMT and self._may_default(switch, condition, body):
                site.implicit_default = end - 1
                arms.append(ArmNode("default", (end - 1, end - 1), site.line))
            elif not self._covers_enum(switch, condition):
                arms.append(ArmNode("default", (end, end), site.line))
        site.arms = tuple(arms)
        if all(arm.insert < 0 for arm in arms) and site.implicit_default < 0:
            self.sites.remove(site)

    def _may_default(self, switch: _Switch, condition: ast.Cursor, body: ast.Cursor) -> bool:
        """Whether `default:` can be added at the end of the body: no jump to there may pass the
        declaration of a variably modified type or of a variable with a cleanup, and a compiler
        that knows that all values of an enumeration are covered keeps that knowledge."""
        library = self.tree.library
        for statement in self.tree.children(body):
            if statement.kind != ast.DECL_STMT:
                continue
            start, end = self.tree.extent(statement)
            if _CLEANUP.search(self.text, start, end):
                return False
            for declared in self.tree.children(statement):
                kind = library.clang_getCanonicalType(library.clang_getCursorType(declared)).kind
                if kind == ast.VARIABLE_ARRAY or declared.kind != ast.VAR_DECL:
                    return False
        return not self._covers_enum(switch, condition)

    def _covers_enum(self, switch: _Switch, condition: ast.Cursor) -> bool:
        """Whether the labels name each enumerator of an enumeration."""
        library = self.tree.library
        bare = self.tree.bare(condition)
        kind = library.clang_getCanonicalType(library.clang_getCursorType(bare))
        if kind.kind != ast.ENUM_TYPE or switch.ranges:
            return False
        declaration = library.clang_getTypeDeclaration(kind)
        wanted = {
            library.clang_getEnumConstantDeclValue(constant)
            for constant in self.tree.children(declaration)
            if constant.kind == ast.ENUM_CONSTANT_DECL
        }
        return wanted <= {self.tree.value(value) for value in switch.values}

    def _label(self, cursor: ast.Cursor, in_block: bool) -> int:
        """Labels in a row. A statement can be added behind them where they stand in a block: what
        follows `if (x)` or `switch (x)` is one statement."""
        while True:
            children = self.tree.children(cursor)
            if not children:
                return ast.CONTINUE
            statement = children[-1]
            stacked = statement.kind in (ast.CASE_STMT, ast.DEFAULT_STMT)
            if cursor.kind != ast.LABEL_STMT and self._switch is not None:
                self._arm_label(self._switch, cursor, children, in_block, stacked)
            if not stacked and statement.kind != ast.LABEL_STMT:
                self._later(statement)
                return ast.CONTINUE
            cursor = statement

    def _arm_label(
        self,
        switch: _Switch,
        cursor: ast.Cursor,
        children: list[ast.Cursor],
        in_block: bool,
        stacked: bool,
    ) -> None:
        start = self.tree.extent(cursor)[0]
        if cursor.kind == ast.CASE_STMT:
            switch.values.append(children[0])
            switch.ranges |= len(children) > 2
            before = self.tree.extent(children[-2])[1]
            name = "case"
        else:
            switch.has_default = True
            before = start + len(b"default")
            name = "default"
        colon = self._next(before)
        found = self.text.startswith(b":", colon)
        insert = colon + 1 if found and in_block else -1
        end = colon + 1 if found else before
        switch.arms.append(ArmNode(name, (start, end), self.lines.line(start), insert, stacked))


def _outermost(loops: list[LoopNode]) -> tuple[LoopNode, ...]:
    """The loops in source order, those in no other one told."""
    result: list[LoopNode] = []
    reached = -1
    for loop in sorted(loops, key=lambda one: (one.span[0], -one.span[1])):
        outer = loop.span[0] >= reached
        if outer:
            reached = loop.span[1]
        result.append(
            LoopNode(
                loop.span, loop.head, loop.declares, loop.condition, loop.file, loop.line, outer
            )
        )
    return tuple(result)


def find_sites(unit: ParsedUnit, name_file: dict[str, str]) -> list[FunctionSites]:
    """The sites of all functions of `unit`; `name_file` gives each file's name for sites.

    Raises LakePlacidError, with the function's place, for one that defeats this pass.
    """
    walker = _Walker(unit)
    found: list[FunctionSites] = []
    for node in unit.functions:
        try:
            walker.run(node)
            found.append(_function(unit, node, name_file[node.position.file], walker))
        except Exception as error:
            raise LakePlacidError(
                f"the sites of {node.name} cannot be found: internal error: {error!r}",
                file=node.position.file,
                line=node.position.line,
                remedy="the unit is compiled plainly; please report this",
            ) from error
    return found


def _function(unit: ParsedUnit, node: FunctionNode, file: str, walker: _Walker) -> FunctionSites:
    sites = sorted(walker.sites, key=lambda site: (site.span[0], -site.span[1]))
    measure = Measure(unit.text, node.body_start, node.body_end)
    calls = _calls(sites, walker.calls.values())
    spans = [arm.span for site in sites for arm in site.arms]
    own, weights = measure.shares(spans)
    weight = iter(weights)
    function = Function(
        file=file,
        name=node.name,
        line=node.position.line,
        static=node.static,
        digest=digest(unit.text, node.start, node.end, unit.lines),
        weight=own,
        sites=tuple(
            Site(
                ordinal,
                site.kind,
                site.line,
                site.column,
                tuple(Arm(arm.name, next(weight), arm.line) for arm in site.arms),
            )
            for ordinal, site in enumerate(sites)
        ),
        calls=tuple(Call(call.kind, call.line, call.callee, call.home) for call in calls),
    )
    return FunctionSites(
        function,
        node,
        walker.block_head(node.body_start),
        tuple(sites),
        _outermost(walker.loops),
        calls,
    )


def _calls(sites: Sequence[SiteNode], named: Iterable[CallNode]) -> tuple[CallNode, ...]:
    """All calls in source order, those through pointers with their sites' ordinals."""
    indirect = (
        CallNode("icall", site.span, site.line, str(ordinal))
        for ordinal, site in enumerate(sites)
        if site.kind == "icall"
    )
    return tuple(
        sorted([*indirect, *named], key=lambda c: (c.span[0], -c.span[1], c.kind != "icall"))
    )
