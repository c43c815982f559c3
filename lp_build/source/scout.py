"""The scouting pass (thesis 3.1.1): each condition's outcome, each switch arm and each indirect
call's target is logged; evaluation order and side effects stay."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from functools import cache

from lp_build.config import Config, is_function
from lp_build.layout import BuildDir
from lp_build.resources import resource_dir
from lp_build.source.edits import Edits
from lp_build.source.model import Problem, ScoutTable, UnitSites
from lp_build.source.parse import ParsedUnit, parse_unit
from lp_build.source.sites import FunctionSites, SiteNode, find_sites

TABLE_VERSION = 1


@dataclass(frozen=True)
class ScoutedUnit:
    """The instrumented text, the sites in it, and what was left alone."""

    text: bytes
    sites: UnitSites
    problems: tuple[Problem, ...]


@cache
def _prelude() -> str:
    header = (resource_dir("c_runtime") / "scout" / "lp_scout_prelude.h").read_text("utf-8")
    bare = re.sub(r"/\*.*?\*/", " ", header, flags=re.S)
    return re.sub(r"\s+", " ", bare).strip()


def name_files(unit: ParsedUnit, build: BuildDir, cwd: str) -> dict[str, str]:
    """The name for sites of each file that `unit`'s functions stand in."""
    return {f.position.file: build.relative(f.position.file, cwd) for f in unit.functions}


def named_problems(unit: ParsedUnit, build: BuildDir, cwd: str) -> tuple[Problem, ...]:
    """`unit`'s problems with files as sites name them."""
    return tuple(Problem(build.relative(p.file, cwd), p.line, p.reason) for p in unit.problems)


def scout_source(text: bytes, *, cwd: str, build: BuildDir, config: Config) -> ScoutedUnit:
    """Instrument a preprocessed unit that was compiled in folder `cwd`.

    Raises LakePlacidError when libclang can't parse it.
    """
    unit = parse_unit(text)
    functions = find_sites(unit, name_files(unit, build, cwd))
    problems = named_problems(unit, build, cwd)
    sites = UnitSites(tuple(f.function for f in functions))
    if not functions:
        return ScoutedUnit(text, sites, problems)
    table, arms, icalls = _number(functions)
    edits = Edits()
    for position, function in enumerate(functions):
        _edit(edits, function, table.entries[position], table.first[position], config)
    preamble = _preamble(table, arms, icalls, hashlib.sha256(text).hexdigest()[:16]).encode()
    return ScoutedUnit(preamble + edits.apply(text), sites, problems)


def _number(functions: list[FunctionSites]) -> tuple[ScoutTable, int, int]:
    arms = icalls = 0
    entries: list[int] = []
    first: list[tuple[int, ...]] = []
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
    table = ScoutTable(tuple(f.function for f in functions), tuple(entries), tuple(first))
    return table, arms, icalls


def c_string(text: str) -> str:
    """`text` as a C string literal (JSON is ASCII; trigraphs are kept apart)."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("?", "\\?")
    return f'"{escaped}"'


def _preamble(table: ScoutTable, arms: int, icalls: int, digest: str) -> str:
    # A system header's line marker: our own text must add no warning to the build's. Neighbouring
    # literals keep each one below what ISO C guarantees to be accepted.
    text = json.dumps(table.to_json(), separators=(",", ":"))
    literal = " ".join(c_string(text[i : i + 4000]) for i in range(0, len(text), 4000))
    return (
        f'# 1 "<lakeplacid>" 3\n{_prelude()} '
        f'extern struct __lp_scout_unit __lp_scout_unit __asm__("lp_scout_unit.{digest}") '
        '__attribute__((__visibility__("hidden"))); '
        "struct __lp_scout_unit __lp_scout_unit __attribute__((__weak__)) = "
        f"{{ {TABLE_VERSION}, {arms}, {icalls}, 0, 0, 0, {literal} }}; "
        "static struct __lp_scout_unit *const __lp_scout_link __attribute__(("
        '__section__("lp_scout_units"), __used__)) = &__lp_scout_unit;\n'
    )


def _hit(arm: int, value: str) -> str:
    index = f"__lp_scout_unit.base+{arm}"
    return f"(__lp_scout_map[{index}]?(void)0:__lp_scout_first({index}){value})"


def _edit(
    edits: Edits, function: FunctionSites, entry: int, first: tuple[int, ...], config: Config
) -> None:
    file, name = function.function.file, function.function.name
    # Declarations, so that they may stand before declarations in C90 too.
    token = "struct __lp_scout_token {} __attribute__((__cleanup__({}){}));"
    flag = "int {} __attribute__((__unused__)) = {};"
    head = ""
    looped = is_function(config.loop, file, name)
    if looped:
        head += token.format("__lp_scout_loop", "__lp_scout_loop_end", "")[:-1] + " = {{0}};"
    if is_function(config.request, file, name):
        head += token.format("__lp_scout_request", "__lp_scout_end", "")
        head += flag.format("__lp_scout_begun", "__lp_scout_begin(&__lp_scout_request)")
    head += flag.format("__lp_scout_entered", _hit(entry, ",0"))
    edits.insert(function.body, head)
    if looped:
        for loop in function.loops:
            if loop.outermost and loop.body >= 0:
                edits.insert(
                    loop.body,
                    flag.format("__lp_scout_begun", "__lp_scout_iteration(&__lp_scout_loop)"),
                )
    for site, index in zip(function.sites, first, strict=True):
        _edit_site(edits, site, index)


def _edit_site(edits: Edits, site: SiteNode, index: int) -> None:
    if site.kind == "icall":
        edits.wrap(
            site.start,
            site.end,
            "__extension__ ({ __auto_type __lp_scout_callee = (",
            f"); __lp_scout_target(__lp_scout_unit.icall_base + {index}, "
            "(const void *)__lp_scout_callee); __lp_scout_callee; })",
        )
    elif site.kind == "switch":
        for number, arm in enumerate(site.arms):
            if arm.insert >= 0:
                edits.insert(arm.insert, _hit(index + number, "") + "; ")
            elif arm.name == "default" and site.implicit_default >= 0:
                edits.insert(
                    site.implicit_default,
                    f" break; default: {_hit(index + number, '')}; ",
                )
    else:
        hit = f"{_hit(index, ',1')} : {_hit(index + 1, ',0')}"
        edits.wrap(site.start, site.end, "((", f") ? {hit})")
