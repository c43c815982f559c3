# SPDX-License-Identifier: GPL-2.0-only
"""The scouting pass (thesis 3.1.1): each condition's outcome, each switch arm and each indirect
call's target is logged, and that a call was made; evaluation order and side effects stay.

c_runtime/scout/prelude.h says what the added text means to the runtime.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from lp_build.config import Config, is_function
from lp_build.layout import BuildDir
from lp_build.model.sites import Problem, ScoutTable, UnitSites
from lp_build.resources import resource_dir
from lp_build.source.edits import Edits
from lp_build.source.parse import ParsedUnit, parse_unit
from lp_build.source.sites import FunctionSites, SiteNode, find_sites

PRELUDE_VERSION = 2
LINE = 64  # bytes that a unit's arms are padded to, as scout/scout.h says
FALLTHROUGH = "__attribute__((__fallthrough__));"
# gcc takes the unit's name from the first line marker, and its folder from a second one that ends
# in two slashes; what follows them is ours to add to.
_OPENING = re.compile(
    rb'# \d+ "((?:[^"\\\n]|\\.)*)"[^\n]*\n(?:# \d+ "(?:[^"\\\n]|\\.)*//"[^\n]*\n)?'
)


@dataclass(frozen=True)
class ScoutedUnit:
    """The instrumented text, the sites in it, and what was left alone."""

    text: bytes
    sites: UnitSites
    problems: tuple[Problem, ...]


@cache
def _prelude() -> str:
    header = (resource_dir("c_runtime") / "scout" / "prelude.h").read_text("utf-8")
    bare = re.sub(r"/\*.*?\*/", " ", header, flags=re.S)
    return re.sub(r"\s+", " ", bare).strip()


def name_files(unit: ParsedUnit, build: BuildDir, cwd: str) -> dict[str, str]:
    """The name for sites of each file that `unit`'s functions stand in."""
    files = {function.position.file for function in unit.functions}
    return {file: build.relative(file, cwd) for file in files}


def named_problems(unit: ParsedUnit, build: BuildDir, cwd: str) -> tuple[Problem, ...]:
    """`unit`'s problems with files as sites name them."""
    return tuple(Problem(build.relative(p.file, cwd), p.line, p.reason) for p in unit.problems)


def scout_source(
    text: bytes, *, cwd: str, build: BuildDir, config: Config, language: Sequence[str] = ()
) -> ScoutedUnit:
    """Instrument a preprocessed unit that was compiled in folder `cwd`. language: as `parse_unit`
    takes it.

    Raises LakePlacidError, with file and line, when libclang can't parse it.
    """
    unit = parse_unit(text, language)
    functions = find_sites(unit, name_files(unit, build, cwd))
    problems = named_problems(unit, build, cwd)
    sites = UnitSites(tuple(f.function for f in functions))
    if not functions:
        return ScoutedUnit(text, sites, problems)
    table, arms, icalls = _number(functions)
    edits = Edits()
    for position, function in enumerate(functions):
        numbers = table.entries[position], table.first[position], table.calls[position][0]
        _edit(edits, function, *numbers, config)
    edited = edits.apply(text)
    unique = hashlib.sha256(text).hexdigest()[:16]
    return ScoutedUnit(
        with_prelude(edited, _declarations(table, arms, icalls, unique)), sites, problems
    )


def _number(functions: list[FunctionSites]) -> tuple[ScoutTable, int, int]:
    """The unit's numbers: all arms of a function behind its entry, in order, then its calls."""
    arms = icalls = 0
    entries: list[int] = []
    first: list[tuple[int, ...]] = []
    calls: list[tuple[int, int]] = []
    for function in functions:
        entries.append(arms)
        arms += 1
        indices: list[int] = []
        for site in function.sites:
            if site.kind == "icall":
                indices.append(icalls)
                icalls += 1
            else:
                indices.append(arms)
                arms += len(site.arms)
        first.append(tuple(indices))
        calls.append((arms, len(function.calls)))
        arms += len(function.calls)
    described = tuple(f.function for f in functions)
    table = ScoutTable(described, tuple(entries), tuple(first), tuple(calls))
    return table, arms, icalls


def c_string(text: str) -> str:
    """ASCII `text` as C string literals, none too long for ISO C; `?` can't make a trigraph."""
    pieces = (text[start : start + 400] for start in range(0, len(text), 400))
    return " ".join(
        '"' + piece.replace("\\", "\\\\").replace('"', '\\"').replace("?", "\\?") + '"'
        for piece in pieces
    )


def _declarations(table: ScoutTable, arms: int, icalls: int, unique: str) -> str:
    literal = c_string(json.dumps(table.to_json(), separators=(",", ":")))
    padded = -(-arms // LINE) * LINE

    def hidden(name: str) -> str:
        return f'__asm__("{name}.{unique}") __attribute__((__visibility__("hidden")));'

    return (
        f"{_prelude()} extern __thread volatile unsigned char __lp_scout_arms[{padded}] "
        f"{hidden('lp_scout_arms')} __thread volatile unsigned char __lp_scout_arms[{padded}] "
        f"__attribute__((__weak__,__aligned__({LINE}))); "
        "static __attribute__((__used__,__no_instrument_function__)) "
        "volatile unsigned char *__lp_scout_own(void) { return __lp_scout_arms; } "
        f"extern struct __lp_scout_unit __lp_scout_unit {hidden('lp_scout_unit')} "
        "struct __lp_scout_unit __lp_scout_unit __attribute__((__weak__)) = "
        f"{{ {PRELUDE_VERSION}, {arms}, {icalls}, 0, 0, 0, {literal}, __lp_scout_own }}; "
        "static struct __lp_scout_unit *const __lp_scout_link __attribute__(("
        '__section__("lp_scout_units"), __used__)) = &__lp_scout_unit;'
    )


def with_prelude(text: bytes, declarations: str) -> bytes:
    """`text` with `declarations` at its start, as if from a system header, where nothing is
    warned of; the lines and the unit's own name stay what they were."""
    opening = _OPENING.match(text)
    if opening is None:
        return declarations.encode() + b" " + text
    end = opening.end()
    back = b'# 1 "' + opening.group(1) + b'" 2\n'
    header = b'# 1 "<lakeplacid>" 1 3\n' + declarations.encode() + b"\n"
    return text[:end] + header + back + text[end:]


def _hit(arm: int, then: str) -> str:
    return f"(__lp_scout_arms[{arm}]=1{then})"


def _edit(
    edits: Edits,
    function: FunctionSites,
    entry: int,
    first: tuple[int, ...],
    call: int,
    config: Config,
) -> None:
    file, name = function.function.file, function.function.name
    # All that begins a block is a declaration: it may stand before declarations in C90 too.
    token = "struct __lp_scout_token {} __attribute__((__cleanup__({})));"
    flag = "int {} __attribute__((__unused__))={};"
    head = ""
    looped = is_function(config.loop, file, name)
    if looped:
        start = token.format("__lp_scout_loop", "__lp_scout_loop_end")
        head += start.removesuffix(";") + "={{0}};"
    if is_function(config.request, file, name):
        head += token.format("__lp_scout_request", "__lp_scout_end")
        head += flag.format("__lp_scout_begun", "__lp_scout_begin(&__lp_scout_request)")
    head += flag.format("__lp_scout_entered", _hit(entry, ",0"))
    edits.insert(function.head, head)
    if looped:
        iteration = "__lp_scout_iteration(&__lp_scout_loop)"
        for loop in function.loops:
            if loop.outermost and loop.head >= 0:
                edits.insert(loop.head, flag.format("__lp_scout_iterated", iteration))
            elif loop.outermost:
                _edit_condition(edits, loop.condition, f"({iteration},1)")
    for site, index in zip(function.sites, first, strict=True):
        if site.kind == "switch":
            _edit_switch(edits, site, index)
    wraps: list[tuple[tuple[int, int], str, str]] = []
    for site, index in zip(function.sites, first, strict=True):
        if site.kind not in ("icall", "switch"):
            after = f")?{_hit(index, ',1')}:{_hit(index + 1, ',0')})"
            wraps.append((site.span, "((", after))
    for number, node in enumerate(function.calls, call):
        if node.kind == "icall":
            target = f"__lp_scout_unit.icall_base+{first[int(node.callee)]}"
            before = "__extension__({__auto_type __lp_scout_callee=("
            after = (
                f");{_hit(number, '')};__lp_scout_target({target},"
                "(const void*)__lp_scout_callee);__lp_scout_callee;})"
            )
            wraps.append((node.span, before, after))
        elif node.kind == "asm":
            edits.insert(node.span[0], f"{_hit(number, '')};")
        else:
            wraps.append((node.span, f"({_hit(number, '')},(", "))"))
    # Of equal spans, a condition is around the call that it is.
    for span, before, after in sorted(wraps, key=lambda wrap: (wrap[0][0], -wrap[0][1])):
        edits.wrap(*span, before, after)


def _edit_condition(edits: Edits, condition: tuple[int, int], iteration: str) -> None:
    """An iteration of a loop whose body has no braces begins when its condition holds."""
    start, end = condition
    if start == end:  # `for (;;)`
        edits.insert(start, iteration)
    else:
        edits.wrap(start, end, "((", f")&&{iteration})")


def _edit_switch(edits: Edits, site: SiteNode, index: int) -> None:
    for number, arm in enumerate(site.arms):
        statement = _hit(index + number, "") + ";"
        if arm.insert >= 0:
            edits.insert(arm.insert, statement + (FALLTHROUGH if arm.stacked else ""))
        elif arm.name == "default" and site.implicit_default >= 0:
            edits.insert(site.implicit_default, f"break;default:{statement}")
