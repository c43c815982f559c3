"""The specialising pass: a marker at the head of each arm that the manifest calls cold."""

from __future__ import annotations

from dataclasses import dataclass

from clang import cindex

from lp_build.config import Config, is_function
from lp_build.errors import LakePlacidError
from lp_build.layout import BuildDir
from lp_build.profile.verdicts import FunctionVerdicts, Manifest, Verdict
from lp_build.source.edits import Edits
from lp_build.source.markers import ARM, COLD, ENTRY, LOOP, Marker, marker_text
from lp_build.source.model import Problem, UnitSites
from lp_build.source.parse import parse_unit
from lp_build.source.scout import name_files, named_problems
from lp_build.source.sites import FunctionSites, SiteNode, find_sites

_FRAME_READERS = ("__builtin_return_address", "__builtin_frame_address", "__builtin_apply_args")
_REGISTER_ARGUMENTS = 6


@dataclass(frozen=True)
class SpecializedUnit:
    """The text with its markers; `markers` is indexed by the number in the assembly comment.

    not_elite: functions, by key, that the manifest wants but the source rules out, and why.
    """

    text: bytes
    markers: tuple[Marker, ...]
    functions: UnitSites
    problems: tuple[Problem, ...]
    not_elite: dict[str, str]


class _Pass:
    def __init__(self, text: bytes, stress: bool) -> None:
        self.text = text
        self.stress = stress
        self.edits = Edits()
        self.markers: list[Marker] = []

    def mark(self, kind: str, function: FunctionSites, name: str, line: int) -> str:
        """A marker's text; `name` is the rest of the site's name."""
        key = function.function.key
        self.markers.append(Marker(kind, f"{key}:{name}", function.function.file, line, key))
        return marker_text(kind, len(self.markers) - 1)

    def arm(
        self, function: FunctionSites, ordinal: int, site: SiteNode, arm: str, hot: bool
    ) -> str:
        """The marker of one arm, "" where none is due."""
        if hot and not self.stress:
            return ""
        line = next((a.line for a in site.arms if a.name == arm), site.line)
        return self.mark(ARM if hot else COLD, function, f"{ordinal}:{arm}", line)

    def condition(
        self, function: FunctionSites, ordinal: int, site: SiteNode, verdict: Verdict
    ) -> None:
        true = self.arm(function, ordinal, site, "true", verdict is not Verdict.UNLIKELY)
        false = self.arm(function, ordinal, site, "false", verdict is not Verdict.LIKELY)
        if not true and not false:
            return
        one = f"__extension__ ({{ {true}; 1; }})" if true else "1"
        zero = f"__extension__ ({{ {false}; 0; }})" if false else "0"
        self.edits.wrap(site.start, site.end, "((", f") ? {one} : {zero})")

    def switch(
        self, function: FunctionSites, ordinal: int, site: SiteNode, hot: tuple[str, ...]
    ) -> None:
        for arm in site.arms:
            text = self.arm(function, ordinal, site, arm.name, arm.name in hot)
            if not text:
                continue
            if arm.insert >= 0:
                self.edits.insert(arm.insert, f"{text}; ")
            elif arm.name == "default" and site.implicit_default >= 0:
                self.edits.insert(site.implicit_default, f" break; default: {text}; ")

    def function(self, function: FunctionSites, verdicts: FunctionVerdicts) -> None:
        """All markers of one Elite function."""
        for ordinal, site in enumerate(function.sites):
            if site.kind == "switch":
                names = tuple(arm.name for arm in site.arms)
                self.switch(function, ordinal, site, verdicts.switches.get(ordinal, names))
            elif site.kind != "icall":
                verdict = verdicts.conditions.get(ordinal, Verdict.UNKNOWN)
                self.condition(function, ordinal, site, verdict)
        if self.stress:
            for loop in function.loops:
                if loop.body >= 0:
                    text = self.mark(LOOP, function, f"loop@{loop.line}", loop.line)
                    self.edits.insert(loop.body, f"{text}; ")

    def entries(self, function: FunctionSites) -> None:
        """Where the Fallback may enter Elite: the heads of the loop function's outer loops."""
        for loop in function.loops:
            if loop.outermost and loop.body >= 0:
                text = self.mark(ENTRY, function, f"entry@{loop.line}", loop.line)
                self.edits.insert(loop.body, f"{text}; ")


def check_request(cursor: cindex.Cursor, file: str, line: int) -> None:
    """Raise LakePlacidError unless all arguments and the result travel in registers."""
    name = cursor.spelling

    def fail(what: str) -> LakePlacidError:
        return LakePlacidError(
            f"the request function {name} {what}, which a stack slot of its own can't take over",
            file=file,
            line=line,
            remedy="choose a function in lp.toml whose arguments and result fit in registers",
        )

    kinds = cindex.TypeKind
    in_memory = (kinds.RECORD, kinds.LONGDOUBLE, kinds.FLOAT128, kinds.COMPLEX)
    if cursor.type.kind == kinds.FUNCTIONPROTO and cursor.type.is_function_variadic():
        raise fail("takes a variable number of arguments")
    if cursor.result_type.get_canonical().kind in in_memory:
        raise fail("returns a struct, union or long double")
    words = doubles = 0
    for argument in cursor.get_arguments():
        kind = argument.type.get_canonical().kind
        if kind in in_memory:
            raise fail(f"takes `{argument.spelling}` by value, as a struct, union or long double")
        if kind in (kinds.FLOAT, kinds.DOUBLE):
            doubles += 1
        else:
            words += 2 if kind in (kinds.INT128, kinds.UINT128) else 1
    if words > _REGISTER_ARGUMENTS or doubles > 8:
        raise fail("has arguments on the stack")


def specialize_source(
    text: bytes,
    *,
    cwd: str,
    build: BuildDir,
    config: Config,
    manifest: Manifest,
    stress: bool,
    clang: bool = False,
) -> SpecializedUnit:
    """Mark a preprocessed unit that was compiled in folder `cwd`.

    Raises LakePlacidError when libclang can't parse it, and for a request function that can't be
    run on a stack slot, with its file and line.
    """
    unit = parse_unit(text)
    functions = find_sites(unit, name_files(unit, build, cwd))
    problems = list(named_problems(unit, build, cwd))
    work = _Pass(text, stress)
    not_elite: dict[str, str] = {}
    for function in functions:
        described = function.function
        if is_function(config.request, described.file, described.name):
            check_request(function.node.cursor, described.file, described.line)
            # Its callers must neither inline it nor rely on what it leaves in registers.
            attribute = "__noinline__, __used__" if clang else "__noipa__"
            work.edits.insert(function.node.start, f"__attribute__(({attribute})) ")
        verdicts = manifest.functions.get(described.key)
        if verdicts is None:
            continue
        if verdicts.digest != described.digest:
            reason = "changed since scouting: all its conditionals are unknown and it is not Elite"
            not_elite[described.key] = reason
            problems.append(Problem(described.file, described.line, f"{described.name} {reason}"))
            continue
        if not verdicts.elite:
            continue
        reader = next((name for name in _FRAME_READERS if name in function.calls), None)
        if reader is not None:
            not_elite[described.key] = f"it calls {reader}, which would see Elite's addresses"
            continue
        if is_function(config.loop, described.file, described.name):
            work.entries(function)
        work.function(function, verdicts)
    return SpecializedUnit(
        work.edits.apply(text),
        tuple(work.markers),
        UnitSites(tuple(f.function for f in functions)),
        tuple(problems),
        not_elite,
    )
