# SPDX-License-Identifier: GPL-2.0-only
"""All functions of one unit, projected."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from lp_build.model.abi import SiteKind
from lp_build.projection.assembly import AsmFile, AsmFunction, parse_assembly
from lp_build.projection.callees import Callees
from lp_build.projection.cfg import Ability, Analysis, Context, analyse
from lp_build.projection.cfi import FrameRule
from lp_build.projection.emitter import EliteFunction, Emitter, emit
from lp_build.projection.fallback import Edits
from lp_build.projection.in_kernel import PREFIX as KERNEL_PREFIX
from lp_build.projection.in_kernel import InKernel
from lp_build.projection.in_process import PREFIX, InProcess, in_process_ability
from lp_build.projection.kernel_rules import kernel_ability
from lp_build.projection.records import KernelSite, SiteRecord, Tables
from lp_build.projection.request import ProjectionRequest
from lp_build.projection.stops import NotElite
from lp_build.projection.symbols import base_name

# Makes one form's emitter for an analysed function.
Form = Callable[[Analysis, Tables, Edits], Emitter]


@dataclass
class ProjectedUnit:
    """What became of a unit's functions, by symbol. elite: those that run in one process; kernel:
    kernel forms; kernel_texts: these and, for all others, one that leaves at its entry. rejected,
    no_kernel: why a function has no copy, or no kernel form."""

    request: ProjectionRequest
    file: AsmFile
    tables: Tables
    edits: Edits
    callees: Callees
    elite: dict[str, EliteFunction] = field(default_factory=dict)
    kernel: dict[str, EliteFunction] = field(default_factory=dict)
    kernel_texts: dict[str, tuple[str, ...]] = field(default_factory=dict)
    rejected: dict[str, str] = field(default_factory=dict)
    no_kernel: dict[str, str] = field(default_factory=dict)

    def stand_in(self, symbol: str) -> tuple[str, ...]:
        """A kernel form that is a deopt at the entry, which the program's own record counts."""
        counted = "0"
        if not self.request.forms:
            counted = f".L{PREFIX}w_{symbol}"
            name = f"?:{symbol}:entry"
            self.tables.sites.append(
                SiteRecord(counted, symbol, FrameRule(), name, "?", 0, SiteKind.ENTRY)
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


def project_unit(asm: str, request: ProjectionRequest) -> ProjectedUnit:
    """Project until no rejection changes what the others may call."""
    file = parse_assembly(asm)
    names = {number: request.source_name(name) for number, name in file.files.items()}
    context = Context(
        file=file,
        markers=request.markers,
        source_name=lambda number: names.get(number, "?"),
        shown_as=request.shown_as,
        stress=request.stress,
        keep_debug=request.keep_debug,
        forms=request.forms,
        frame_reads=request.frame_reads,
    )
    pending, rejected = _candidates(file, request)
    while True:
        callees = Callees(file, request, frozenset(function.name for function in pending))
        unit = ProjectedUnit(request, file, Tables(PREFIX), Edits(), callees, rejected=rejected)
        if request.forms:
            break
        ability = in_process_ability(callees.resolve, callees.observed)
        for function in pending:
            try:
                unit.elite[function.name] = _projected(unit, function, context, ability, InProcess)
            except Exception as error:
                rejected[function.name] = _reason(error)
        if len(unit.elite) == len(pending):
            break
        pending = [function for function in pending if function.name in unit.elite]
    if request.kernel:
        _project_kernel(unit, context, pending)
    return unit


def _candidates(
    file: AsmFile, request: ProjectionRequest
) -> tuple[list[AsmFunction], dict[str, str]]:
    """(functions that the manifest calls Elite and nothing speaks against, what speaks against the
    others, by symbol)."""
    found, rejected = [], {}
    for function in file.functions.values():
        base = base_name(function.name)
        if base not in request.elite:
            continue
        reason = request.not_elite.get(base, "")
        if function.name in file.weak:
            reason = "it is a weak symbol, which another definition may replace"
        elif function.name in file.indirect:
            reason = "it is an ifunc"
        if reason:
            rejected[function.name] = reason
        else:
            found.append(function)
    return found, rejected


def _project_kernel(
    unit: ProjectedUnit, context: Context, functions: Iterable[AsmFunction]
) -> None:
    """The kernel forms. One that can't be made is a deopt at its entry."""
    callees = unit.callees
    ability = kernel_ability(context, callees.resolve_kernel, callees.observed_kernel)
    for function in functions:
        name = function.name
        try:
            if name in unit.request.no_kernel:
                raise NotElite(unit.request.no_kernel[name])
            form = _projected(unit, function, context, ability, InKernel)
        except Exception as error:
            unit.kernel_texts[name] = unit.stand_in(name)
            unit.no_kernel[name] = _reason(error)
        else:
            unit.kernel[name] = form
            unit.kernel_texts[name] = form.text


def _projected(
    unit: ProjectedUnit, function: AsmFunction, context: Context, ability: Ability, form: Form
) -> EliteFunction:
    """One function in one form. Records and the Fallback's labels are kept when it succeeds."""
    edits = unit.edits.copy()
    with unit.tables.undone_by(Exception):
        result = emit(form(analyse(function, context, ability), unit.tables, edits))
    unit.edits = edits
    return result


def _reason(error: Exception) -> str:
    """Why a function can't be projected. Anything but NotElite is a defect of ours, which costs
    this function and no other."""
    return str(error) if isinstance(error, NotElite) else f"internal error: {error!r}"
