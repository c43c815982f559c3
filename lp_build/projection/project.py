# SPDX-License-Identifier: GPL-2.0-only
"""One compile, two projections: the compiler's -S output becomes one assembly file with the
Fallback's text, Elite's copies and the tables between them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from lp_build.errors import LakePlacidError
from lp_build.projection.assembly import parse_assembly
from lp_build.projection.combined import combined_text
from lp_build.projection.emitter import EliteFunction
from lp_build.projection.libcalls import form_name, kernel_forms
from lp_build.projection.request import ProjectionRequest
from lp_build.projection.symbols import base_name
from lp_build.projection.unit import project_unit

_FORM = re.compile(r"^([\w.$]+)\.lp_(elite|kernel):")
_ERROR = re.compile(r":(\d+):(?:\d+:)? (?:fatal )?[Ee]rror: (.*)")


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


def project(asm: str, request: ProjectionRequest) -> Projection:
    """Project one unit's -S output.

    Raises LakePlacidError when the request function itself can't be Elite: then nothing of the
    program would run there. Other functions that can't are listed in `rejected`.
    """
    unit = project_unit(asm, request)
    if request.request is not None and request.request in request.elite:
        reason = unit.rejected.get(request.request)
        if request.request not in unit.elite:
            raise LakePlacidError(
                f"the request function {request.request} can't be Elite: "
                f"{reason or 'the compiler left no function of that name'}",
                remedy="choose another request function in lp.toml, or mend what stands against it",
            )
    rejected = tuple(Rejected(base_name(n), reason) for n, reason in unit.rejected.items())
    no_kernel = tuple(Rejected(name, reason) for name, reason in unit.no_kernel.items())
    return Projection(
        combined_text(unit),
        tuple(unit.elite.values()),
        rejected,
        tuple(unit.kernel.values()),
        no_kernel,
        any(function.entries for function in unit.kernel.values()),
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
    return combined_text(project_unit(asm, request))
