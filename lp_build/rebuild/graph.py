# SPDX-License-Identifier: GPL-2.0-only
"""The captured build as SCons targets. Read by SCons (see `SConstruct`)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from lp_build.compile.diagnostics import own_names
from lp_build.compile.link import link_elite, shortened
from lp_build.compile.plain import write_archive
from lp_build.compile.runtime import archiver
from lp_build.compile.shelf import identity_of
from lp_build.compile.specialize import defined_functions, description
from lp_build.compile.tools import convert
from lp_build.config import load_config
from lp_build.files import digest_of, file_digest
from lp_build.layout import BuildDir
from lp_build.manifest.manifest import load_manifest
from lp_build.processes import run_quietly
from lp_build.resources import resource_dir
from lp_build.store.capture import Unit, load_sites
from lp_build.store.installed import install
from lp_build.store.journal import Step, put_output, put_words
from lp_build.store.plan import (
    ArchivePart,
    Choice,
    FilePart,
    Part,
    StepPart,
    UnitPart,
    make_plan,
    programs_with_request,
    units_of,
)

_PACKAGE = Path(__file__).resolve().parent.parent
_ELITE_SECTION = b"lp_elite_text\0"


class Graph:
    """Declares one SCons target for each unit, archive, step and program.

    output: the folder that programs go to, instead of where the application's build put them.
    named, everything: as `Choice` has them.
    """

    def __init__(
        self,
        environment: Any,
        build: BuildDir,
        stress: bool,
        output: Path | None,
        named: Sequence[str] = (),
        everything: bool = False,
    ) -> None:
        self.environment = environment
        self.build = build
        self.stress = stress
        self.output = output
        self.folder = build_folder(build, stress)
        self.config = load_config(build.config)
        self.manifest = load_manifest(build.manifest)
        self.choice = Choice(tuple(named), self.manifest.programs, everything)
        self.tool = _tool_digest()
        self.defined = sorted(defined_functions(build))
        self.known: dict[tuple[str, ...], str] = {}
        self.owners: dict[str, str] = {}

    def declare(self) -> None:
        """Declare everything. Raises LakePlacidError as `make_plan` does."""
        plan = make_plan(self.build, self.choice)
        tops: list[tuple[str, Part]] = [*plan.programs.items(), *plan.archives.items()]
        for number, (path, part) in enumerate(tops):
            self._install(number, path, part, self._target(part))

    def declare_units(self) -> None:
        """Declare the objects of the scouted programs' units only. Raises LakePlacidError as
        `make_plan` does."""
        plan = make_plan(self.build, self.choice)
        programs = programs_with_request(self.build, plan, self.config, self.manifest)
        for unit in units_of(programs.values()):
            self.environment.Default(self._target(UnitPart(unit)))

    # -- targets ------------------------------------------------------------------------------

    def _target(self, part: Part) -> str:
        """The file that SCons makes for a part, declared at the first call."""
        if isinstance(part, FilePart):
            return str(part.path)
        key = _key(part)
        if key not in self.known:
            self.known[key] = self._declare(part)
        return self.known[key]

    def _declare(self, part: Part) -> str:
        if isinstance(part, UnitPart):
            return self._unit(part.unit)
        if isinstance(part, ArchivePart):
            return self._archive(part)
        assert isinstance(part, StepPart)
        if part.step.kind == "convert":
            return self._convert(part)
        return self._link(part)

    def _command(
        self,
        target: Path,
        sources: list[str],
        value: Any,
        make: Callable[[], int],
        text: str,
        *beside: Path,
    ) -> str:
        """Declare a target; value: what it depends on beside its sources; beside: what is made with
        it."""
        target.parent.mkdir(parents=True, exist_ok=True)
        inputs = [*map(self._node, sources), self.environment.Value(json.dumps(value))]
        action = self.environment.Action(_make, strfunction=_text)
        targets = [self._node(str(path)) for path in (target, *beside)]
        self.environment.Command(targets, inputs, action, LP_MAKE=make, LP_TEXT=text)
        return str(target)

    def _node(self, path: str) -> Any:
        """SCons's node for a file, whatever characters its name has."""
        return self.environment.fs.File(path)

    def _unit(self, unit: Unit) -> str:
        target = self.folder / "units" / f"{unit.id}.o"
        files = [unit.preprocessed(self.build), unit.plain_object(self.build)]
        sources = [str(path) for path in files if path.exists()]
        value = [
            *(
                unit.flags,
                unit.standard,
                unit.debug,
                unit.coverage,
                unit.plain,
                self.stress,
                self.tool,
            ),
            *(identity_of(unit.compiler), self._slice(unit), self.defined),
        ]
        command = [sys.executable, "-m", "lp_build.rebuild.unit", unit.id, str(target)]
        if self.stress:
            command.append("--stress")

        def make() -> int:
            environment = {
                **os.environ,
                "LP_DIR": str(self.build.path),
                "PYTHONPATH": str(_PACKAGE.parent),
            }
            return subprocess.run(command, env=environment, check=False).returncode

        # Made with it, so that a shared cache has both.
        told = description(self.build, unit, self.stress)
        return self._command(target, sources, value, make, f"  {unit.source}", told)

    def _slice(self, unit: Unit) -> Any:
        """What of manifest and configuration this unit's object depends on."""
        if unit.plain:
            return []
        text = unit.preprocessed(self.build).read_bytes()
        named = [f for f in self.manifest.functions.values() if f.name.encode() in text]
        sites = load_sites(self.build, unit)
        keys = None if sites is None else {f.key for f in sites.functions}
        own = [f.to_json() for f in named if keys is None or f.key in keys]
        if not any(f["elite"] for f in own):
            return []
        outside = sorted(f.key for f in named if f.elite and not f.static)
        return [own, outside, self.config.request, self.config.loop, self.config.mode]

    def _archive(self, part: ArchivePart) -> str:
        target = self.folder / "archives" / part.digest[:16] / part.name
        members = [(name, self._target(member)) for name, member in part.members]

        def make() -> int:
            contents = [(name, Path(path).read_bytes()) for name, path in members]
            write_archive(target, contents, archiver())
            return 0

        sources = [path for _, path in members]
        return self._command(target, sources, [sources, self.tool], make, f"  {part.name}")

    def _convert(self, part: StepPart) -> str:
        step = part.step
        target = self._folder_of(step) / Path(step.output.partition("(")[0]).name
        ((place, source),) = part.inputs
        before = self._target(source)

        def make() -> int:
            return 0 if convert(step.argv, place[0], Path(before), target, step.cwd) else 1

        return self._command(target, [before], [step.argv], make, f"  {target.name}")

    def _folder_of(self, step: Step) -> Path:
        """Where a step's output is made. Several may have had one output that was moved away."""
        owner = self.owners.setdefault(step.id, step.digest)
        name = step.id if owner == step.digest else f"{step.id}-{step.digest[:12]}"
        return self.folder / "steps" / name

    def _link(self, part: StepPart) -> str:
        step = part.step
        target = self._folder_of(step) / Path(step.output).name
        names = {place: self._target(source) for place, source in part.inputs}
        words = put_output(put_words(step.argv, names), str(target))
        head = _head(step, part)
        sources = sorted(set(names.values()))

        def make() -> int:
            elite = step.kind == "link" and any(map(_has_elite, sources))
            if elite:
                done = link_elite(
                    self.build,
                    self.config,
                    words,
                    head,
                    target,
                    stress=self.stress,
                    cwd=step.cwd,
                )
            else:
                with shortened(words, head) as short:
                    done = run_quietly(short, step.cwd)
            if done.status != 0:
                said = own_names(self.build, done.output)
                print(f"lp: {step.output} can't be linked:\n{said}", file=sys.stderr)
            return 1 if done.status else 0

        value = [words, repr(self.config), self.tool, identity_of(" ".join(step.argv[:head]))]
        return self._command(target, sources, value, make, f"  {target.name}")

    # -- what leaves .lp/ ---------------------------------------------------------------------

    def _install(self, number: int, path: str, part: Part, target: str) -> None:
        destination = self._destination(path)
        target_of, aside = target, str(destination) != path

        def put(target: Any, source: Any, env: Any) -> int:
            step = part.step if isinstance(part, StepPart) else None
            if install(self.build, Path(target_of), destination, step, aside=aside):
                # In one piece: others print at the same time.
                sys.stdout.write(f"  => {destination}\n")
            return 0

        # Not a file target: SCons would not see that the application's build has put its own
        # program there since.
        alias = self.environment.Alias(
            f"install-{number}", self._node(target), self.environment.Action(put, None)
        )
        self.environment.AlwaysBuild(alias)
        self.environment.Default(alias)

    def _destination(self, path: str) -> Path:
        return destination_of(self.build, path, stress=self.stress, output=self.output)


def _make(target: Any, source: Any, env: Any) -> int:
    """What SCons calls to make a target. It has nothing of its own: SCons takes the contents of
    an action's closure for a part of its signature."""
    return int(env["LP_MAKE"]())


def _text(target: Any, source: Any, env: Any) -> str:
    """What SCons says that it does: as it stands, where a text of SCons's own has variables."""
    return str(env["LP_TEXT"])


def destination_of(build: BuildDir, path: str, *, stress: bool, output: Path | None) -> Path:
    """Where the program that the application's build puts at `path` goes."""
    if output is None and not stress:
        return Path(path)
    base = output or build.path / "stress"
    return base / build.relative(path, "/").lstrip("/")


def build_folder(build: BuildDir, stress: bool) -> Path:
    """Where `lp build` keeps what it makes."""
    return build.path / "build" / ("stress" if stress else "elite")


def _key(part: Part) -> tuple[str, ...]:
    if isinstance(part, UnitPart):
        return "unit", part.unit.id
    if isinstance(part, ArchivePart):
        return "archive", part.digest
    assert isinstance(part, StepPart)
    return "step", part.step.id, part.step.digest


def _head(step: Step, part: StepPart) -> int:
    """How many words of a link's command are the tool: those before the first that is an option
    or an input."""
    first = min((word for (word, _), _ in part.inputs), default=len(step.argv))
    options = (i for i, word in enumerate(step.argv) if word.startswith("-"))
    return max(1, min(first, next(options, first)))


def _has_elite(path: str) -> bool:
    return _ELITE_SECTION in Path(path).read_bytes()


def _tool_digest() -> str:
    """A digest of our own code: a new version makes everything again."""
    files = [*_PACKAGE.rglob("*.py")]
    for kind in ("c_runtime", "templates"):
        files += [path for path in resource_dir(kind).rglob("*") if path.is_file()]
    return digest_of("".join(file_digest(path) for path in sorted(files)).encode())
