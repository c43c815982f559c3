# SPDX-License-Identifier: GPL-2.0-only
"""What stops Elite in each place, by what the manifest decides and the build has made."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from lp_build.config import Config
from lp_build.forecast.built import BuiltUnit, CallStop, StopFinder
from lp_build.forecast.count import Triggers
from lp_build.forecast.model import COLD, IN_PROCESS, KERNEL, Cause
from lp_build.layout import BuildDir
from lp_build.manifest.classes import Profile
from lp_build.manifest.manifest import target_names
from lp_build.model.sites import Function, function_of, unversioned
from lp_build.model.verdicts import FunctionVerdicts, Manifest
from lp_build.projection.libcalls import cancellation_points, heap_calls, kernel_forms
from lp_build.projection.symbols import base_name

_IN_PROCESS_ONLY = "run it in one process, where this is no stop, or keep it off the request's way"
_REMEDIES = {
    "no kernel form": _IN_PROCESS_ONLY,
    "that is not Elite": "see what `lp report` says of the function",
    "computed address": "choose the program's variant with a `switch`, if it has one",
    "inline assembly": "choose the program's variant in C, if it has one",
}
_RAISE = "raise `threshold` in lp.toml, or call the arm hot in the manifest"
_CHANGED = "it has changed since scouting"
_PLAIN = "its unit is compiled plainly"


@dataclass(frozen=True)
class Material:
    """What a forecast is made from. functions: those of the captured sources, by name (see
    `name_versions`). units: those of the scouted program. cancels: whether something in it may
    cancel a thread."""

    build: BuildDir
    config: Config
    manifest: Manifest
    functions: Mapping[str, Function]
    profile: Profile
    units: Sequence[BuiltUnit]
    cancels: bool

    def elite(self) -> Iterator[tuple[str, FunctionVerdicts, Function]]:
        """The functions that are to be Elite, as they are now, with their names."""
        for name, function in self.functions.items():
            known = self.manifest.named(function)
            verdicts = self.manifest.functions[known] if known is not None else None
            if verdicts is not None and verdicts.elite:
                yield name, verdicts, function


class _Names:
    """Which functions of the program have code of their own, and where."""

    def __init__(self, material: Material) -> None:
        self.kernel: set[str] = set()
        self.refused: dict[str, str] = {}  # no copy at all, by name
        self.kernel_refused: dict[str, str] = {}
        described: set[str] = set()
        for unit in material.units:
            for name, function in unit.functions.items():
                if unit.elite or unit.refused:
                    described.add(name)
                if function.name in unit.kernel:
                    self.kernel.add(name)
                elif function.name in unit.kernel_refused:
                    self.kernel_refused[name] = unit.kernel_refused[function.name]
                if function.name in unit.refused and function.name not in unit.elite:
                    self.refused[name] = unit.refused[function.name]
        now = {name for name, _, _ in material.elite()}
        for name in now - described - self.refused.keys():
            self.refused[name] = _PLAIN
        current = {function.key for function in material.functions.values()}
        elite = {material.functions[name].key for name in now}
        for verdicts in material.manifest.elite_functions():
            if verdicts.key in current - elite:
                self.refused[verdicts.key] = _CHANGED
        # One that two units have is Elite where one of them has it.
        for name in self.kernel:
            self.kernel_refused.pop(name, None)


def triggers_of(material: Material) -> dict[str, Triggers]:
    """For each place, what stops Elite there."""
    names = _Names(material)
    found = {IN_PROCESS: Triggers(), KERNEL: Triggers()}
    for name, verdicts, function in material.elite():
        for arm, cause in _cold_arms(name, verdicts, function):
            if name not in names.refused:
                found[IN_PROCESS].sure[arm] = cause
            found[KERNEL].sure[arm] = cause
    kernel = found[KERNEL]
    for unit in material.units:
        finder = StopFinder(material.build, unit)
        own = set(map(base_name, unit.elite))
        for stop in finder.find(unit.stops):
            # The same call in a function that is not Elite stops nothing: it is called as it is.
            if stop.here or unversioned(stop.name).split(":")[1] in own:
                _add(found[IN_PROCESS], stop)
        for stop in finder.find(unit.kernel_stops):
            _add(kernel, stop)
        _add_settings(kernel, unit, material)
    for name, reason in (*names.refused.items(), *names.kernel_refused.items()):
        known = material.functions.get(name)
        file, _, called = unversioned(name).rpartition(":")
        remedy = "scout again" if reason == _CHANGED else _IN_PROCESS_ONLY
        why = f"it has no kernel form: {reason}"
        cause = Cause(file, known.line if known else 0, f"entry of {called}", why, remedy)
        kernel.sure.setdefault(name, cause)
    for name, cause in _targets(material, names):
        kernel.sure.setdefault(name, cause)
    if any(unit.enters for unit in material.units):
        kernel.outside = Cause(
            "",
            0,
            f"made outside of the loop of {material.config.loop}",
            "only what its loop calls begins there",
            "name the loop that calls the request in lp.toml, or none",
        )
    return found


def _cold_arms(
    function_name: str, verdicts: FunctionVerdicts, function: Function
) -> Iterator[tuple[str, Cause]]:
    for site in function.sites:
        for arm in site.arms:
            if not verdicts.is_hot(site, arm.name):
                name = f"{function_name}:{site.ordinal}:{arm.name}"
                line = arm.line or site.line
                reason = "too few requests take it for the threshold"
                yield name, Cause(function.file, line, COLD, reason, _RAISE)


def _add(triggers: Triggers, stop: CallStop) -> None:
    remedy = next((text for part, text in _REMEDIES.items() if part in stop.reason), "")
    cause = Cause(stop.file, stop.line, stop.what, stop.reason, remedy)
    (triggers.sure if stop.sure else triggers.likely)[stop.name] = cause


def _add_settings(kernel: Triggers, unit: BuiltUnit, material: Material) -> None:
    """Calls whose kernel forms leave it to the library, for what lp.toml says."""
    wanted: dict[str, tuple[str, str]] = {}
    if material.config.allocator == "system":
        why = "the heap is the library's", 'set `allocator = "lakeplacid"` in lp.toml'
        wanted.update(dict.fromkeys(heap_calls(), why))
    if material.cancels and material.config.cancellation == "honoured":
        why = (
            "the program may cancel a thread that waits there",
            'set `cancellation = "unused"` in lp.toml, if no thread with requests is cancelled',
        )
        wanted.update(dict.fromkeys(cancellation_points(), why))
    for name, function in unit.functions.items() if wanted else ():
        for number, call in enumerate(function.calls):
            if call.kind == "call" and call.callee in wanted:
                reason, remedy = wanted[call.callee]
                what = f"call of {call.callee}"
                cause = Cause(function.file, call.line, what, reason, remedy)
                kernel.sure.setdefault(f"{name}:call{number}", cause)


def _targets(material: Material, names: _Names) -> Iterator[tuple[str, Cause]]:
    """Calls through pointers of functions that have no kernel form."""
    forms = kernel_forms()
    for (site, symbol), target in target_names(material.profile).items():
        if target in (names.kernel if ":" in target else forms):
            continue
        function = material.functions.get(function_of(site))
        if function is None:
            continue
        place = function.sites[int(site.rpartition(":")[2])]
        called = unversioned(target).rpartition(":")[2] if target != "?" else "something"
        reason = "a call of a function that has no kernel form"
        what = f"call of {called} by pointer"
        yield f"{site}={symbol}", Cause(function.file, place.line, what, reason, _IN_PROCESS_ONLY)
