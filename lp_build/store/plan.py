# SPDX-License-Identifier: GPL-2.0-only
"""From what a build left to what has to be made again: objects, archives and programs, told by
the contents that each step read."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lp_build.config import Config, is_function
from lp_build.errors import LakePlacidError
from lp_build.layout import BuildDir
from lp_build.model.verdicts import Manifest
from lp_build.store.capture import Unit, load_sites, load_units
from lp_build.store.installed import load_installed
from lp_build.store.journal import Step, load_steps
from lp_build.store.programs import Found, find_program, find_programs, is_instrumented
from lp_build.store.provenance import Store


@dataclass(frozen=True)
class UnitPart:
    """The object of a captured unit."""

    unit: Unit


@dataclass(frozen=True)
class FilePart:
    """A file that this build did not make: where it, or our copy of it, lies."""

    path: Path


@dataclass(frozen=True)
class ArchivePart:
    """A static library: names of its members, and what they are, in their order."""

    name: str
    digest: str
    members: tuple[tuple[str, Part], ...]


@dataclass(frozen=True)
class StepPart:
    """What a link, an `ld -r` or a conversion makes; inputs: by word and piece of its command."""

    step: Step
    inputs: tuple[tuple[tuple[int, int], Part], ...]


Part = UnitPart | FilePart | ArchivePart | StepPart


@dataclass(frozen=True)
class Plan:
    """programs: by each path where the build has put one. archives: where nothing was linked, so
    that they are what the build is for. units: all that these are made of. idle: programs that are
    left alone, since no request came to them. strays: programs with code of ours that a tool has
    changed which we did not see: nobody knows what they are made of."""

    programs: dict[str, StepPart]
    archives: dict[str, ArchivePart]
    units: tuple[Unit, ...]
    idle: tuple[str, ...] = ()
    strays: tuple[str, ...] = ()


@dataclass(frozen=True)
class Choice:
    """Which programs to make. named: by the user, as paths or the ends of such; scouted: links that
    had requests when they were scouted, as a manifest names them; everything: all that there are.
    """

    named: tuple[str, ...] = ()
    scouted: tuple[str, ...] = ()
    everything: bool = False


def make_plan(build: BuildDir, choice: Choice = Choice(everything=True)) -> Plan:
    """Read what was captured. Raises LakePlacidError when there is nothing to build, something is
    gone that it would be made of, or a program is named that there is not."""
    planner = _Planner(build)
    steps = load_steps(build)
    places, strays = planner.places([step for step in steps if planner.is_program(step)])
    chosen = _chosen(planner, places, choice)
    programs = {path: planner.step(places[path]) for path in chosen}
    archives: dict[str, ArchivePart] = {}
    for step in steps if not programs else ():
        listing = planner.store.listing(step.digest) if step.kind == "archive" else None
        if listing is not None:
            archives[step.output] = planner.archive(step.output, step.digest, listing)
    if not programs and not archives:
        what = "no link was captured" if planner.units else "nothing was captured"
        raise LakePlacidError(
            f"nothing to build: {what}",
            file=str(build.path),
            remedy="build the project once with lp-wrap, as in `lp-wrap make`",
        )
    tops: list[Part] = [*programs.values(), *archives.values()]
    units = units_of(tops)
    _check_captured(build, units)
    idle = tuple(p for p in places if p not in programs and is_instrumented(Path(p)))
    if choice.named:
        idle = ()  # whoever names some means not the others
    return Plan(programs, archives, units, idle, tuple(strays))


def _chosen(planner: _Planner, places: Mapping[str, Step], choice: Choice) -> list[str]:
    """The paths of the programs to make."""
    if choice.named:
        return [path for name in choice.named for path in _named(planner.build, places, name)]
    scouted = [p for p, step in places.items() if planner.links(step) & {*choice.scouted}]
    return list(places) if choice.everything or not scouted else scouted


def _named(build: BuildDir, places: Mapping[str, Step], name: str) -> list[str]:
    """The programs that a user means by a name. Raises LakePlacidError for none."""
    full = os.path.abspath(name)
    found = [full] if full in places else [p for p in places if p.endswith(f"/{name}")]
    if not found:
        known = [build.relative(path, "/") for path in places]
        near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
        hint = f"do you mean {near[0]}? " if near else ""
        raise LakePlacidError(
            f"this build has made no program `{name}`",
            file=str(build.steps),
            remedy=f"{hint}There are: {', '.join(known) or 'none'}",
        )
    return found


def parts_of(part: Part) -> Iterator[Part]:
    """`part` and all that it is made of."""
    yield part
    if isinstance(part, ArchivePart):
        for _, member in part.members:
            yield from parts_of(member)
    elif isinstance(part, StepPart):
        for _, source in part.inputs:
            yield from parts_of(source)


def programs_with_request(
    build: BuildDir, plan: Plan, config: Config, manifest: Manifest
) -> dict[str, StepPart]:
    """The programs that have the request function as it was scouted."""
    return {
        path: part
        for path, part in plan.programs.items()
        if any(_has_request(build, unit, config, manifest) for unit in units_of([part]))
    }


def units_of(parts: Iterable[Part]) -> tuple[Unit, ...]:
    """The units that these are made of, each once, by id."""
    found = {
        part.unit.id: part.unit
        for top in parts
        for part in parts_of(top)
        if isinstance(part, UnitPart)
    }
    return tuple(found[name] for name in sorted(found))


def _has_request(build: BuildDir, unit: Unit, config: Config, manifest: Manifest) -> bool:
    sites = load_sites(build, unit)
    for function in sites.functions if sites else ():
        if is_function(config.request, function.file, function.name):
            return manifest.named(function) is not None
    return False


class _Planner:
    def __init__(self, build: BuildDir) -> None:
        self.build = build
        self.store = Store(build)
        self.units = {unit.id: unit for unit in load_units(build)}
        self.steps = {(step.id, step.digest): step for step in load_steps(build)}

    def is_program(self, step: Step) -> bool:
        """Whether a step leaves an executable: a link, or a conversion of one (strip)."""
        if step.kind == "convert":
            before = self._producer(step.inputs[0].digest, step.inputs[0].path)
            return before is not None and self.is_program(before)
        return step.kind == "link"

    def links(self, step: Step) -> set[str]:
        """What a program was linked as, and what it became since, as a manifest names links."""
        names = {self.build.relative(step.output, step.cwd)}
        if step.kind == "convert":
            before = self._producer(step.inputs[0].digest, step.inputs[0].path)
            names |= self.links(before) if before is not None else set()
        return names

    def places(self, programs: Sequence[Step]) -> tuple[dict[str, Step], list[str]]:
        """Where the programs are that these steps have made: each that was linked last to a path,
        unless it has been moved from there, and all copies. And the programs that have code of
        ours, but are none of these."""
        finals = {step.output: step for step in programs}
        latest = {step.id: step for step in programs}
        made = {step.digest: step for step in programs}
        installed = load_installed(self.build)
        places: dict[str, Step] = {}
        strays: list[str] = []
        for program in self._found(finals):
            path = str(program.path)
            put = installed.get((path, program.digest))
            if put and put.aside:
                continue
            step = made.get(put.step if put else program.digest)
            # What was linked to one place and moved to another each time are several programs.
            known = step is not None and (latest[step.id] is step or self._is_whole(step))
            if step is not None and known:
                places[path] = step
            elif not program.is_elite:
                strays.append(path)
        moved = {step.digest for path, step in places.items() if path not in finals}
        for path, step in finals.items():
            if os.path.exists(path) or step.digest not in moved:
                places[path] = step
        first = {path: number for number, path in enumerate(finals)}
        order = sorted(places, key=lambda path: (first.get(path, len(first)), path))
        return {path: places[path] for path in order}, [p for p in strays if p not in finals]

    def _is_whole(self, step: Step) -> bool:
        """Whether all that an earlier step was made of is there still."""
        try:
            self.step(step)
        except LakePlacidError:
            return False
        return True

    def _found(self, finals: Iterable[str]) -> list[Found]:
        """Programs below the project, and those that were put elsewhere (strip of what was
        installed)."""
        found = {program.path: program for program in find_programs(self.build)}
        known = {Path(path) for path in finals}
        known |= {Path(path) for path, _ in load_installed(self.build)}
        for path in sorted(known - set(found)):
            program = find_program(path)
            if program is not None:
                found[path] = program
        return list(found.values())

    def _producer(self, digest: str, path: str) -> Step | None:
        origin = self.store.origin(digest, path)
        if origin is None or origin.kind != "step":
            return None
        return self.steps.get((origin.id, digest))

    def part(self, path: str, digest: str) -> Part:
        """What a step read as `path` with this content. Raises LakePlacidError when it is gone."""
        origin = self.store.origin(digest, path)
        if origin is not None and origin.kind == "unit" and origin.id in self.units:
            return UnitPart(self.units[origin.id])
        step = self._producer(digest, path)
        if step is not None:
            return self.step(step)
        listing = self.store.listing(digest)
        if listing is not None:
            return self.archive(path, digest, listing)
        copy = self.store.copy_of(digest)
        for candidate in (copy, Path(path)):
            if candidate.is_file():
                _check_foreign(candidate, path)
                return FilePart(candidate)
        raise LakePlacidError(
            "an input of the captured build is gone, and nothing captured can make it again",
            file=path,
            remedy="build the project once more with lp-wrap, from clean",
        )

    def step(self, step: Step) -> StepPart:
        """A step with its inputs."""
        inputs = tuple(
            ((item.word, item.piece), self.part(item.path, item.digest)) for item in step.inputs
        )
        return StepPart(step, inputs)

    def archive(self, path: str, digest: str, listing: list[tuple[str, str]]) -> ArchivePart:
        """An archive with its members."""
        members = tuple((name, self.part(name, member)) for name, member in listing)
        return ArchivePart(os.path.basename(path), digest, members)


# Ends the name of the section that scouting code registers itself by.
_SCOUTED = b"lp_scout_units\0"


def _check_foreign(file: Path, path: str) -> None:
    """Raise LakePlacidError for an object that has scouting code in it, but not from a step that we
    know: there is no telling what it is plainly."""
    if _SCOUTED in file.read_bytes():
        raise LakePlacidError(
            "this has scouting code in it, but a tool that we did not see has changed it",
            file=path,
            remedy="build once more with lp-wrap, from clean; call ar, ld, strip and objcopy by "
            "their names, not by paths, or go by the build's words: `lp-wrap --trace make`",
        )


def _check_captured(build: BuildDir, units: Iterable[Unit]) -> None:
    """Raise LakePlacidError when a file of a unit that is needed is gone."""
    for unit in units:
        needed = [unit.plain_object(build)]
        if not unit.plain:
            needed.append(unit.preprocessed(build))
        for path in needed:
            if not path.is_file():
                raise LakePlacidError(
                    f"what was captured of {unit.source} is gone",
                    file=str(path),
                    remedy="build the project once more with lp-wrap, from clean",
                )
