# SPDX-License-Identifier: GPL-2.0-only
"""What is asked of the projection of one unit."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lp_build.config import Config, is_function
from lp_build.layout import BuildDir
from lp_build.model.markers import Marker
from lp_build.model.sites import unversioned
from lp_build.model.verdicts import Manifest
from lp_build.projection.symbols import known_name

if TYPE_CHECKING:
    from lp_build.source.specialize import SpecializedUnit


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
