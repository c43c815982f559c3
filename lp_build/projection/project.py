# SPDX-License-Identifier: GPL-2.0-only
"""One compile, two projections (DESIGN section 3): the compiler's -S output becomes one assembly
file with the Fallback's text, Elite's copies and the tables between them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from lp_build.config import Config, is_function
from lp_build.errors import LakePlacidError
from lp_build.layout import BuildDir
from lp_build.model.markers import ENTRY, Marker
from lp_build.model.sites import unversioned
from lp_build.model.verdicts import Manifest
from lp_build.projection.assembly import (
    AsmFile,
    AsmFunction,
    MarkerItem,
    debug_section_lines,
    parse_assembly,
)
from lp_build.projection.cfi import RSP, FrameRule, directives
from lp_build.projection.elite import (
    Callee,
    Context,
    Edits,
    EliteFunction,
    NotElite,
    Projector,
    project_function,
)
from lp_build.projection.kernel import PREFIX as KERNEL_PREFIX
from lp_build.projection.kernel import KernelProjector
from lp_build.projection.libcalls import form_name, kernel_forms, thread_calls
from lp_build.projection.records import KernelSite, SiteKind, SiteRecord, Tables

if TYPE_CHECKING:
    from lp_build.source.specialize import SpecializedUnit

_CLONE = re.compile(r"^(.+?)((?:\.(?:part|constprop|isra|lto_priv)(?:\.\d+)?)+)$")
_SYMBOL = re.compile(r"[A-Za-z_.$][\w.$]*")
_PREFIX = "lp"
_FORM = re.compile(r"^([\w.$]+)\.lp_(elite|kernel):")
_ERROR = re.compile(r":(\d+):(?:\d+:)? (?:fatal )?[Ee]rror: (.*)")


@dataclass(frozen=True)
class ProjectionRequest:
    """What to project from one unit.

    elite: symbols of this unit's own Elite functions. elite_elsewhere: global Elite functions of
    other units. defined: functions that the program itself defines under the name of a library's
    (a call of these is no library call). observed: symbols of targets of indirect calls by (file,
    line). not_elite: reasons of the source pass by symbol. source_name: names a file of a `.file`.
    known_as: names under which other units know this unit's static Elite functions, by symbol.
    known_elsewhere: such names of other units' (see `known_name`). request_elsewhere: request
    functions of other units, by their symbols or such names. shown_as: what functions are called
    in names of sites, by symbol, where that is not the symbol. queue: requests that leave may go on
    in another thread. kernel: with kernel forms; forms: the unit is our own forms of library calls,
    which have no copy for one process; no_kernel: symbols that get no kernel form, and why.
    frame_readers: symbols of functions that see their callers' frames; frame_reads: the (file,
    line) of what does.
    """

    elite: frozenset[str]
    elite_elsewhere: frozenset[str]
    defined: frozenset[str]
    markers: Sequence[Marker]
    observed: Mapping[tuple[str, int], tuple[str, ...]]
    not_elite: Mapping[str, str]
    request: str | None
    stress: bool
    keep_debug: bool
    source_name: Callable[[str], str]
    known_as: Mapping[str, str] = field(default_factory=dict)
    known_elsewhere: frozenset[str] = frozenset()
    request_elsewhere: frozenset[str] = frozenset()
    shown_as: Mapping[str, str] = field(default_factory=dict)
    queue: bool = False
    kernel: bool = False
    forms: bool = False
    no_kernel: Mapping[str, str] = field(default_factory=dict)
    frame_readers: frozenset[str] = frozenset()
    frame_reads: frozenset[tuple[str, int]] = frozenset()


@dataclass(frozen=True)
class Rejected:
    """An Elite function of the manifest that has no Elite copy, and why."""

    function: str
    reason: str


@dataclass(frozen=True)
class Projection:
    """The combined assembly, and what became of each Elite function: as it runs in one process, and
    its kernel form (none for one that leaves at its entry; no_kernel: why). enters: whether the
    Fallback enters a kernel form at the heads of a loop."""

    text: str
    functions: tuple[EliteFunction, ...]
    rejected: tuple[Rejected, ...]
    kernel: tuple[EliteFunction, ...] = ()
    no_kernel: tuple[Rejected, ...] = ()
    enters: bool = False


def known_name(function: str) -> str:
    """The symbol by which other units know a static function, by the manifest's name for it, as
    the target of their indirect calls; with `.lp_elite` behind it, its Elite copy."""
    return f"lp_known.{hashlib.sha256(function.encode()).hexdigest()[:16]}"


def request_for(
    unit: SpecializedUnit,
    *,
    cwd: str,
    build: BuildDir,
    config: Config,
    manifest: Manifest,
    stress: bool,
    keep_debug: bool,
    defined: frozenset[str],
) -> ProjectionRequest:
    """The projection that `manifest` asks for, for a unit that was compiled in folder `cwd`."""
    here = {function.key: function for function in unit.functions.functions}
    elite = {name: f for name, f in manifest.functions.items() if f.elite}
    versions = {key: manifest.named(function) for key, function in here.items()}
    own = {name: here[key] for key, name in versions.items() if name in elite}
    hidden = {name for name, f in elite.items() if f.static and name not in own}
    observed: dict[tuple[str, int], tuple[str, ...]] = {}
    for key, function in here.items():
        name = versions[key]
        if name is None:
            continue
        verdicts = manifest.functions[name]
        for site in function.sites:
            names = verdicts.targets.get(site.ordinal, ())
            visible = tuple(
                known_name(target) if target in hidden else unversioned(target).rpartition(":")[2]
                for target in names
            )
            place = (function.file, site.line)
            if visible:
                observed[place] = tuple(dict.fromkeys((*observed.get(place, ()), *visible)))
    request = next(
        (f.name for f in here.values() if is_function(config.request, f.file, f.name)), None
    )
    outside = frozenset(
        known_name(name) if f.static else f.name
        for name, f in elite.items()
        if is_function(config.request, f.file, f.name)
        and (name not in own if f.static else f.key not in here)
    )
    return ProjectionRequest(
        elite=frozenset(f.name for f in own.values()) | {here[key].name for key in unit.not_elite},
        elite_elsewhere=frozenset(
            f.name for f in elite.values() if f.key not in here and not f.static
        ),
        defined=defined,
        markers=unit.markers,
        observed=observed,
        not_elite={key.rpartition(":")[2]: why for key, why in unit.not_elite.items()},
        request=request,
        stress=stress,
        keep_debug=keep_debug,
        source_name=lambda file: build.relative(file, cwd),
        shown_as={f.name: name.rpartition(":")[2] for name, f in own.items()},
        known_as={f.name: known_name(name) for name, f in own.items() if f.static},
        known_elsewhere=frozenset(map(known_name, hidden)),
        request_elsewhere=outside,
        queue=config.mode == "queue",
        kernel=True,
        frame_readers=unit.frame_readers,
        frame_reads=unit.frame_reads,
    )


def base_name(symbol: str) -> str:
    """The function of the source that `symbol` is, or is a clone of (`f.part.0` is of f)."""
    match = _CLONE.match(symbol)
    return match.group(1) if match else symbol


def _reason(error: Exception) -> str:
    """Why a function can't be projected. Anything but NotElite is a defect of ours, which costs
    this function and no other."""
    return str(error) if isinstance(error, NotElite) else f"internal error: {error!r}"


class _Unit:
    """The projection of one unit under way."""

    def __init__(self, asm: str, request: ProjectionRequest) -> None:
        self.request = request
        self.file: AsmFile = parse_assembly(asm)
        self.tables = Tables(_PREFIX)
        self.edits = Edits()
        self.outside: set[str] = set()
        self.known: set[str] = set()
        self.guessed: set[str] = set()
        self.projected: dict[str, EliteFunction] = {}
        self.projectors: list[Projector] = []
        self.rejected: dict[str, str] = {}
        self.accepted: set[str] = set()
        self.kernel: dict[str, tuple[str, ...]] = {}
        self.kernel_functions: list[EliteFunction] = []
        self.kernel_entries: dict[int, Projector] = {}
        self.kernel_fp = False
        self.no_kernel: dict[str, str] = {}

    # -- which functions ----------------------------------------------------------------------

    def candidates(self) -> list[AsmFunction]:
        """Functions of the text that the manifest calls Elite and nothing speaks against."""
        found = []
        for function in self.file.functions.values():
            base = base_name(function.name)
            if base not in self.request.elite:
                continue
            reason = self.request.not_elite.get(base, "")
            if function.name in self.file.weak:
                reason = "it is a weak symbol, which another definition may replace"
            elif function.name in self.file.indirect:
                reason = "it is an ifunc"
            if reason:
                self.rejected[function.name] = reason
            else:
                found.append(function)
        return found

    def project_all(self) -> None:
        """Project until no rejection changes what the others may call."""
        pending = self.candidates()
        if self.request.forms:
            self.accepted = {f.name for f in pending}
            self._project_kernel(self._context(), [f.name for f in pending])
            return
        while True:
            self.accepted = {f.name for f in pending}
            self.tables = Tables(_PREFIX)
            self.edits = Edits()
            self.outside = set()
            self.known = set()
            self.guessed = set()
            self.projected = {}
            self.projectors = []
            context = self._context()
            failed = False
            for function in pending:
                try:
                    result, projector = project_function(function, context, self.edits)
                except Exception as error:
                    self.rejected[function.name] = _reason(error)
                    failed = True
                    continue
                self.projected[function.name] = result
                self.projectors.append(projector)
            if not failed:
                break
            pending = [f for f in pending if f.name in self.projected]

        if self.request.kernel:
            self._project_kernel(context, list(self.projected))

    def _project_kernel(self, context: Context, names: Sequence[str]) -> None:
        """The kernel forms. One that can't be made is a deopt at its entry."""
        kernel = replace(
            context,
            resolve=self.resolve_kernel,
            observed=lambda file, line: self.observed(file, line, self.resolve_kernel),
            prefix=KERNEL_PREFIX,
            keep_debug=False,  # the section has no lines, since the program has no such addresses
        )
        for name in names:
            function = self.file.functions[name]
            reason = self.request.no_kernel.get(name, "")
            try:
                if reason:
                    raise NotElite(reason)
                result, projector = project_function(function, kernel, self.edits, KernelProjector)
            except Exception as error:
                self.kernel[name] = self._stand_in(name)
                self.no_kernel[name] = _reason(error)
                continue
            self.kernel[name] = result.text
            self.kernel_functions.append(result)
            self.kernel_fp = self.kernel_fp or result.uses_fp
            self.kernel_entries.update({m.line: projector for m in projector.entries()})

    def _stand_in(self, symbol: str) -> tuple[str, ...]:
        """A kernel form that is a deopt at the entry, which the program's own record counts."""
        counted = "0"
        if not self.request.forms:
            counted = f".L{_PREFIX}w_{symbol}"
            self.tables.sites.append(
                SiteRecord(
                    counted, symbol, FrameRule(), f"?:{symbol}:entry", "?", 0, SiteKind.ENTRY
                )
            )
        site = f".L{KERNEL_PREFIX}w_{symbol}"
        self.tables.kernel.sites.append(KernelSite(site, symbol, FrameRule(), counted))
        form = f"{symbol}.lp_kernel"
        return (
            f"\t.type {form}, @function",
            f"{form}:",
            f"\tpushq ${site}",
            "\tjmp lp_k_deopt",
            f"\t.size {form}, .-{form}",
        )

    def _context(self) -> Context:
        names = {number: self.request.source_name(f) for number, f in self.file.files.items()}
        return Context(
            file=self.file,
            tables=self.tables,
            markers=self.request.markers,
            resolve=self.resolve,
            observed=self.observed,
            source_name=lambda number: names.get(number, "?"),
            shown_as=self.request.shown_as,
            stress=self.request.stress,
            keep_debug=self.request.keep_debug,
            prefix=_PREFIX,
            forms=self.request.forms,
            frame_reads=self.request.frame_reads,
        )

    # -- callees ------------------------------------------------------------------------------

    def resolve(self, symbol: str) -> Callee:
        """What a call of `symbol` becomes in Elite (see elite.Callee)."""
        if symbol in self.request.request_elsewhere:
            if symbol in self.request.known_elsewhere:
                self.known.add(symbol)
            return Callee("stub", symbol)
        if symbol in self.request.known_elsewhere:
            self.known.add(symbol)
            return Callee("elite", f"{symbol}.lp_elite")
        symbol = self.file.aliases.get(symbol, symbol)
        if symbol == self.request.request and symbol in self.accepted:
            return Callee("stub", symbol)
        if symbol in self.file.functions:
            if symbol in self.accepted:
                return Callee("elite", f"{symbol}.lp_elite")
            if base_name(symbol) in self.request.frame_readers:
                return Callee("deopt", reason="a call of a function that sees its caller's frame")
            return Callee("plain", symbol)
        if symbol in self.request.elite_elsewhere:
            self.outside.add(symbol)
            return Callee("elite", f"{symbol}.lp_elite")
        if self.request.queue and symbol in thread_calls() and symbol not in self.request.defined:
            return Callee("deopt", reason=f"queue mode: {thread_calls()[symbol]}")
        return Callee("plain", symbol)

    def resolve_kernel(self, symbol: str) -> Callee:
        """The same for the kernel form."""
        callee = self.resolve(symbol)
        if callee.how == "elite":
            return Callee("elite", f"{callee.symbol.removesuffix('.lp_elite')}.lp_kernel")
        if callee.how == "stub":
            return Callee("stub", "lp_k_enter_request")
        if self.request.forms:
            # Forms call the library's own function where they can't do what it does.
            return Callee("deopt", reason="a call that only the Fallback makes")
        if symbol in self.file.functions or symbol in self.request.defined:
            return Callee("deopt", reason="a call of a function that is not Elite")
        if symbol not in kernel_forms():
            return Callee("deopt", reason="a call of a function that has no kernel form")
        return Callee("elite", f"{form_name(symbol)}.lp_kernel")

    def observed(
        self, file: str, line: int, resolve: Callable[[str], Callee] | None = None
    ) -> list[tuple[str, Callee]]:
        """Observed targets of the indirect calls at a place that Elite can call directly."""
        found = []
        for name in self.request.observed.get((file, line), ()):
            callee = (resolve or self.resolve)(name)
            if callee.how in ("elite", "stub"):
                found.append((name, callee))
                self.guessed.add(name)
        return found

    # -- text ---------------------------------------------------------------------------------

    def text(self) -> str:
        """The Fallback's text with its labels, then Elite's and the tables."""
        drop = {marker.line for marker in self.file.markers}
        if not self.request.keep_debug:
            drop |= self.file.debug_lines | debug_section_lines(self.file.lines)
        entries = {m.line: p for p in self.projectors for m in p.entries()}
        out: list[str] = []
        replaced = self._request_lines()
        for number, line in enumerate(self.file.lines):
            out += self.edits.before.get(number, ())
            if number in entries:
                out += ["\tcmpb $0, lp_entries_enabled(%rip)", f"\tjne .L{_PREFIX}m{number}"]
                if number in self.kernel_entries:
                    out.append(f".L{_PREFIX}b{number}:")
            if number in replaced:
                out += replaced[number]
            elif number not in drop:
                out.append(line)
            out += self.edits.after.get(number, ())
        out += self._entry_stubs(entries)
        out += self._elite()
        out += self._kernel()
        out += self.tables.emit()
        out += [f"\t.weak {name}" for name in sorted(self._only_guessed())]
        out.append('\t.section .note.GNU-stack,"",@progbits')
        return "\n".join(out) + "\n"

    def _only_guessed(self) -> set[str]:
        """Observed targets in other units that the compiler's text doesn't name. Weak: another
        program may have this unit and not those, and then no pointer equals an address of zero."""
        own = self.file.functions.keys() | self.file.aliases.keys()
        guessed = self.guessed - own - self.known
        if not guessed:
            return set()
        named: set[str] = set()
        for line in self.file.lines:
            if not line.lstrip().startswith((".string", ".ascii")):
                named |= guessed.intersection(_SYMBOL.findall(line))
        return guessed - named

    def _request_lines(self) -> dict[int, list[str]]:
        """The Fallback's request function under its other name; callers meet the stub."""
        name = self.request.request
        if name is None or name not in self.projected:
            return {}
        function = self.file.functions[name]
        new = f"{name}.lp_fallback"
        label = self.file.lines[function.label_line]
        lines = {
            function.label_line: [
                f"\t.type {new}, @function",
                label.replace(f"{name}:", f"{new}:", 1),
            ]
        }
        if function.size_line >= 0:
            lines[function.size_line] = [f"\t.size {new}, .-{new}"]
        return lines

    def _entry_stubs(self, entries: Mapping[int, Projector]) -> list[str]:
        if not entries:
            return []
        out = ['\t.section .text.lp_entries,"ax",@progbits']
        for number, projector in entries.items():
            target = projector.entry_label(MarkerItem(number, ENTRY, 0))
            rule = projector.rule_at(number).described()
            out += [f".L{_PREFIX}m{number}:", "\t.cfi_startproc"]
            out += [*directives(FrameRule(), rule), "\tlock incq lp_entry_count(%rip)"]
            if number in self.kernel_entries:
                out += self._kernel_entry(number, rule.register == RSP)
            out += [f"\tjmp {target}", "\t.cfi_endproc"]
        if self.kernel_entries:
            out += ["\t.weak lp_loop_enters", "\t.hidden lp_loop_enters"]
            out.append("\t.set lp_loop_enters, 1")
        return out

    def _kernel_entry(self, number: int, moves: bool) -> list[str]:
        """On the way from a loop's head into Elite: go to the kernel's, where that is asked for.
        moves: the frame is found by %rsp, which pushing moves."""
        pushed = ["\t.cfi_adjust_cfa_offset 8"] if moves else []
        popped = ["\t.cfi_adjust_cfa_offset -16"] if moves else []
        projector = self.kernel_entries[number]
        marker = MarkerItem(number, ENTRY, 0)
        label = f".L{KERNEL_PREFIX}j{number}"
        self.tables.kernel.entries.append(
            (label, projector.entry_label(marker), projector.rule_at(number))
        )
        return [
            "\tcmpb $2, lp_entries_enabled(%rip)",
            f"\tjne .L{_PREFIX}l{number}",
            f"\tpushq $.L{_PREFIX}b{number}",
            *pushed,
            f"\tpushq ${label}",
            *pushed,
            "\tjmp lp_kernel_enter",
            *popped,
            f".L{_PREFIX}l{number}:",
        ]

    def _kernel(self) -> list[str]:
        """The kernel forms, in a section that is not loaded with the program."""
        if not self.kernel:
            return []
        out = ['\t.section lp_kernel_text,"",@progbits']
        for name, text in self.kernel.items():
            form = f"{name}.lp_kernel"
            if name in self.file.globals:
                out += [f"\t.globl {form}", f"\t.hidden {form}"]
            out += text
            if name == self.request.request:
                out += ["\t.globl lp_request_kernel", "\t.hidden lp_request_kernel"]
                out += [f"\t.set lp_request_kernel, {form}"]
                out += ["\t.globl lp_request_kernel_entry", "\t.hidden lp_request_kernel_entry"]
                self.tables.kernel.entries.append(("lp_request_kernel_entry", form, FrameRule()))
            known = self.request.known_as.get(name)
            if known is not None and name != self.request.request:
                out += [f"\t.weak {known}.lp_kernel", f"\t.hidden {known}.lp_kernel"]
                out.append(f"\t.set {known}.lp_kernel, {form}")
        for symbol in sorted(self.outside):
            form = f"{symbol}.lp_kernel"
            out += [f"\t.weak {form}", f"\t.hidden {form}", *self._stand_in(symbol)]
        for symbol in sorted(self.known):
            out += [f"\t.weak {symbol}.lp_kernel", f"\t.hidden {symbol}.lp_kernel"]
        if self.kernel_fp:
            out += ['\t.section lp_kernel_fp,"",@progbits', "\t.byte 1"]
        return out

    def _elite(self) -> list[str]:
        if not self.projected:
            return []
        out: list[str] = []
        request = self.request.request
        if request in self.projected:
            out += self._request_stub(request)
        out.append('\t.section lp_elite_text,"ax",@progbits')
        for name, function in self.projected.items():
            if name in self.file.globals:
                out += [f"\t.globl {name}.lp_elite", f"\t.hidden {name}.lp_elite"]
            out += function.text
            if name == request:
                self.tables.functions.append((name, name, name))
                out += ["\t.globl lp_request_elite", "\t.hidden lp_request_elite"]
                out.append(f"\t.set lp_request_elite, {name}.lp_elite")
                known = self.request.known_as.get(name)
                if known is not None:  # other units meet the stub, as pointers do
                    out += [f"\t.weak {known}", f"\t.hidden {known}", f"\t.set {known}, {name}"]
            elif base_name(name) == name:
                self.tables.functions.append((name, f"{name}.lp_elite", name))
                out += self._known_as(name)
        out += self._weak_entries()
        # Weak, for a static function of a unit that has no Elite copy after all: no pointer equals
        # an address of zero.
        for name in sorted(self.known):
            for symbol in (name, f"{name}.lp_elite"):
                out += [f"\t.weak {symbol}", f"\t.hidden {symbol}"]
        return out

    def _known_as(self, name: str) -> list[str]:
        """Names for other units. Weak: a source that a program has twice defines them twice, and
        the linker takes both of the first."""
        known = self.request.known_as.get(name)
        if known is None:
            return []
        out: list[str] = []
        for symbol, value in ((known, name), (f"{known}.lp_elite", f"{name}.lp_elite")):
            out += [f"\t.weak {symbol}", f"\t.hidden {symbol}", f"\t.set {symbol}, {value}"]
        return out

    @staticmethod
    def _request_stub(name: str) -> list[str]:
        return [
            "\t.text",
            "\t.p2align 4",
            f"\t.type {name}, @function",
            f"{name}:",
            "\t.cfi_startproc",
            "\tjmp *lp_request_target(%rip)",
            "\t.cfi_endproc",
            f"\t.size {name}, .-{name}",
            "\t.globl lp_request_fallback",
            "\t.hidden lp_request_fallback",
            f"\t.set lp_request_fallback, {name}.lp_fallback",
        ]

    def _weak_entries(self) -> list[str]:
        """Names for Elite functions of other units, should their units have none after all: then
        the functions themselves are called."""
        out: list[str] = []
        for symbol in sorted(self.outside):
            elite = f"{symbol}.lp_elite"
            out += [f"\t.weak {elite}", f"\t.hidden {elite}", f"\t.type {elite}, @function"]
            out += [
                f"{elite}:",
                "\t.cfi_startproc",
                f"\tjmp {symbol}",
                "\t.cfi_endproc",
                f"\t.size {elite}, .-{elite}",
            ]
        return out


def project(asm: str, request: ProjectionRequest) -> Projection:
    """Project one unit's -S output.

    Raises LakePlacidError when the request function itself can't be Elite: then nothing of the
    program would run there. Other functions that can't are listed in `rejected`.
    """
    unit = _Unit(asm, request)
    unit.project_all()
    if request.request is not None and request.request in request.elite:
        reason = unit.rejected.get(request.request)
        if request.request not in unit.projected:
            raise LakePlacidError(
                f"the request function {request.request} can't be Elite: "
                f"{reason or 'the compiler left no function of that name'}",
                remedy="choose another request function in lp.toml, or mend what stands against it",
            )
    rejected = tuple(Rejected(base_name(n), reason) for n, reason in unit.rejected.items())
    no_kernel = tuple(Rejected(name, reason) for name, reason in unit.no_kernel.items())
    return Projection(
        unit.text(),
        tuple(unit.projected.values()),
        rejected,
        tuple(unit.kernel_functions),
        no_kernel,
        bool(unit.kernel_entries),
    )


def without(request: ProjectionRequest, text: str, errors: str) -> ProjectionRequest | None:
    """`request` less the forms in `text`, its projection, that the assembler refused with these
    messages; None when none of them is at fault."""
    lines = text.split("\n")
    not_elite, no_kernel = dict(request.not_elite), dict(request.no_kernel)
    found = False
    for error in _ERROR.finditer(errors):
        form = _form_at(lines, int(error.group(1)) - 1)
        if form is None:
            continue
        found = True
        reason = f"the assembler refuses it: {error.group(2)}"
        if form.group(2) == "kernel":
            no_kernel[form.group(1)] = reason
        else:
            not_elite[base_name(form.group(1))] = reason
    return replace(request, not_elite=not_elite, no_kernel=no_kernel) if found else None


def _form_at(lines: Sequence[str], number: int) -> re.Match[str] | None:
    """The label of the form that line `number` lies in."""
    for line in reversed(lines[: number + 1]):
        form = _FORM.match(line)
        if form or line.startswith("\t.section"):
            return form
    return None


def project_forms(asm: str, source: str) -> str:
    """The projection of a file of forms of library calls (c_runtime/forms/): all its functions,
    in their kernel form beside the one that user space goes on in. source: its name."""
    request = ProjectionRequest(
        elite=frozenset(map(base_name, parse_assembly(asm).functions)),
        elite_elsewhere=frozenset(map(form_name, kernel_forms())),
        defined=frozenset(),
        markers=(),
        observed={},
        not_elite={},
        request=None,
        stress=False,
        keep_debug=False,
        source_name=lambda file: source,
        kernel=True,
        forms=True,
    )
    unit = _Unit(asm, request)
    unit.project_all()
    return unit.text()
