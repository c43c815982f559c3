"""From what a build left to what has to be made again: objects, archives and programs, told by
the contents that each step read."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lp_build.errors import LakePlacidError
from lp_build.layout import BuildDir
from lp_build.wrapper.capture import Unit, load_units
from lp_build.wrapper.journal import Step, load_steps
from lp_build.wrapper.provenance import Store


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
    """programs: by the path where the build puts each. archives: where nothing was linked, so that
    they are what the build is for. units: all that these are made of."""

    programs: dict[str, StepPart]
    archives: dict[str, ArchivePart]
    units: tuple[Unit, ...]


def make_plan(build: BuildDir) -> Plan:
    """Read what was captured. Raises LakePlacidError when there is nothing to build, or something
    is gone that it would be made of."""
    planner = _Planner(build)
    steps = load_steps(build)
    finals = {step.output: step for step in steps if planner.is_program(step)}
    programs = {output: planner.step(step) for output, step in finals.items()}
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
    units = {
        part.unit.id: part.unit
        for top in tops
        for part in parts_of(top)
        if isinstance(part, UnitPart)
    }
    _check_captured(build, units)
    return Plan(programs, archives, tuple(units[name] for name in sorted(units)))


def parts_of(part: Part) -> Iterator[Part]:
    """`part` and all that it is made of."""
    yield part
    if isinstance(part, ArchivePart):
        for _, member in part.members:
            yield from parts_of(member)
    elif isinstance(part, StepPart):
        for _, source in part.inputs:
            yield from parts_of(source)


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


def _check_captured(build: BuildDir, units: dict[str, Unit]) -> None:
    """Raise LakePlacidError when a file of a unit that is needed is gone."""
    for unit in units.values():
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
