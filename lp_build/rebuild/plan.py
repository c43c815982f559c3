"""From a build's journal to what has to be made again: units, archives and links."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lp_build.errors import LakePlacidError
from lp_build.layout import BuildDir
from lp_build.wrapper.capture import Unit, load_units
from lp_build.wrapper.files import read_json_lines


@dataclass(frozen=True)
class Part:
    """What goes into an archive or a link: made from a unit or an archive of ours, or a file."""

    unit: Unit | None = None
    archive: str | None = None
    path: str = ""


@dataclass
class Archive:
    """A static library: members in order."""

    path: str
    members: list[Part]


@dataclass(frozen=True)
class Link:
    """An executable, or a relocatable object: its command, and its inputs by their words."""

    output: str
    cwd: str
    argv: tuple[str, ...]
    inputs: dict[str, Part]
    relocatable: bool


@dataclass(frozen=True)
class Plan:
    """All that the captured build made, the newest step for each output."""

    units: tuple[Unit, ...]
    archives: dict[str, Archive]
    links: tuple[Link, ...]


def make_plan(build: BuildDir) -> Plan:
    """Read the journal. Raises LakePlacidError when nothing was captured, or no link was."""
    units = load_units(build)
    by_object = {unit.object: unit for unit in units}
    by_digest = {digest: unit for unit in units for digest in unit.digests}
    archives: dict[str, Archive] = {}
    links: dict[str, Link] = {}

    def part(item: dict[str, str]) -> Part:
        unit = by_digest.get(item["digest"]) or by_object.get(item["path"])
        if unit is not None:
            return Part(unit=unit)
        if item["path"] in archives or item["path"] in links:
            return Part(archive=item["path"])
        return Part(path=item["path"])

    for step in read_json_lines(build.steps):
        if step["kind"] == "archive":
            _add_members(archives, step, [part(item) for item in step["inputs"]])
        else:
            links[step["output"]] = _link(step, part, archives)
    programs = tuple(links.values())
    if not units or not programs:
        raise LakePlacidError(
            "nothing to build: no link was captured" if units else "nothing was captured",
            file=str(build.path),
            remedy="build the project once with `lp-wrap`, as in `lp-wrap make`",
        )
    return Plan(tuple(units), archives, programs)


def _add_members(archives: dict[str, Archive], step: dict[str, Any], parts: list[Part]) -> None:
    """`ar r` replaces members of the same name and appends others."""
    archive = archives.setdefault(step["output"], Archive(step["output"], []))
    names = [Path(item["path"]).name for item in step["inputs"]]
    known = {_name(member): index for index, member in enumerate(archive.members)}
    for name, new in zip(names, parts, strict=True):
        if name in known and parts.count(new) == 1 and names.count(name) == 1:
            archive.members[known[name]] = new
        else:
            archive.members.append(new)


def _name(part: Part) -> str:
    if part.unit is not None:
        return Path(part.unit.object).name
    return Path(part.archive or part.path).name


def _link(step: dict[str, Any], part: Any, archives: dict[str, Archive]) -> Link:
    cwd = step["cwd"]
    inputs = {str(Path(i["path"])): part(i) for i in step["inputs"]}
    by_word: dict[str, Part] = {}
    folders: list[Path] = []
    for word in step["argv"][1:]:
        full = str(Path(cwd, word).resolve()) if not word.startswith("-") else ""
        given = str(Path(cwd) / word) if not word.startswith("-") else ""
        for name in (given, full):
            if name in inputs:
                by_word[word] = inputs[name]
        if word.startswith("-L") and len(word) > 2:
            folders.append(Path(cwd) / word[2:])
        if word.startswith("-l"):
            for folder in folders:
                candidate = str((folder / f"lib{word[2:]}.a").resolve())
                found = next((a for a in archives if str(Path(a).resolve()) == candidate), None)
                shared = (folder / f"lib{word[2:]}.so").exists()
                if found is not None and not shared:
                    by_word[word] = Part(archive=found)
    return Link(step["output"], cwd, tuple(step["argv"]), by_word, step["kind"] == "relocatable")
