"""The captured build as SCons targets. Read by SCons (see `SConstruct`)."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from lp_build.config import load_config
from lp_build.errors import LakePlacidError
from lp_build.layout import BuildDir
from lp_build.profile.manifest import load_manifest
from lp_build.profile.verdicts import Manifest
from lp_build.rebuild.plan import Link, Part, Plan, make_plan
from lp_build.wrapper.capture import Unit, load_sites
from lp_build.wrapper.link import link_elite

_PACKAGE = Path(__file__).resolve().parent.parent


class Graph:
    """Declares one SCons target for each unit, archive and link."""

    def __init__(
        self, environment: Any, build: BuildDir, stress: bool, output: Path | None
    ) -> None:
        self.environment = environment
        self.build = build
        self.stress = stress
        self.output = output
        self.folder = build.path / "build" / ("stress" if stress else "elite")
        self.config = load_config(build.config)
        self.manifest = load_manifest(build.manifest)
        self.plan: Plan = make_plan(build)
        self.objects: dict[str, str] = {}
        self.archives: dict[str, str] = {}

    def declare(self) -> None:
        """Declare everything. Raises LakePlacidError for a manifest of other sources."""
        self._check_manifest()
        tool = _tool_digest()
        for unit in self.plan.units:
            self._unit(unit, tool)
        for path in self.plan.archives:
            self._archive(path)
        for link in self.plan.links:
            self._link(link, tool)

    def _check_manifest(self) -> None:
        known: dict[str, str] = {}
        for unit in self.plan.units:
            sites = load_sites(self.build, unit)
            known |= {f.key: f.digest for f in sites.functions} if sites else {}
        elite = self.manifest.elite_functions()
        if known and elite and not any(known.get(f.key) == f.digest for f in elite):
            raise LakePlacidError(
                "this manifest was made for other sources: none of its Elite functions is as it "
                "was when scouted",
                file=str(self.build.manifest),
                remedy="scout again (`lp-wrap --phase scout …`), then `lp manifest`",
            )

    def _command(self, target: Path, sources: list[str], value: str, action: Any) -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        inputs = [*sources, self.environment.Value(value)]
        self.environment.Command(str(target), inputs, action)

    def _unit(self, unit: Unit, tool: str) -> None:
        target = self.folder / "units" / f"{unit.id}.o"
        self.objects[unit.id] = str(target)
        text = unit.preprocessed(self.build)
        sources = [str(p) for p in (text, unit.plain_object(self.build)) if p.exists()]
        value = json.dumps([unit.flags, unit.compiler, self._slice(unit), tool, self.stress])
        stress = ["--stress"] if self.stress else []

        def make(target: Any, source: Any, env: Any) -> int:
            command = [
                sys.executable,
                "-m",
                "lp_build.cli",
                "unit",
                unit.id,
                str(target[0]),
                *stress,
            ]
            return subprocess.run(command, env=_environment(self.build), check=False).returncode

        self._command(target, sources, value, self.environment.Action(make, f"  {unit.source}"))

    def _slice(self, unit: Unit) -> Any:
        """What of manifest and configuration this unit's object depends on."""
        sites = load_sites(self.build, unit)
        keys = {f.key for f in sites.functions} if sites is not None else None
        return [
            *_verdicts(self.manifest, keys),
            self.config.request,
            self.config.loop,
        ]

    def _path(self, part: Part) -> str:
        if part.unit is not None:
            return self.objects[part.unit.id]
        if part.archive is not None:
            return self.archives.get(part.archive, part.archive)
        if not Path(part.path).exists():
            raise LakePlacidError(
                "an input of the captured build is gone, and no captured unit made it",
                file=part.path,
                remedy="build the project once more with lp-wrap",
            )
        return part.path

    def _kept(self, kind: str, path: str) -> Path:
        name = hashlib.sha256(path.encode()).hexdigest()[:12]
        return self.folder / kind / name / Path(path).name

    def _archive(self, path: str) -> None:
        target = self._kept("archives", path)
        members = [self._path(member) for member in self.plan.archives[path].members]
        self.archives[path] = str(target)

        def make(target: Any, source: Any, env: Any) -> int:
            Path(str(target[0])).unlink(missing_ok=True)
            return subprocess.run(["ar", "qcs", str(target[0]), *members], check=False).returncode

        self._command(target, members, "", self.environment.Action(make, f"  {path}"))

    def _link(self, link: Link, tool: str) -> None:
        target = self._kept("programs", link.output)
        inputs = {word: self._path(part) for word, part in link.inputs.items()}
        words = _with_output([inputs.get(word, word) for word in link.argv], str(target))
        destination = self._destination(link)
        program = target  # absolute: SCons's own name for it is not valid in the link's folder
        self.archives[link.output] = str(target)

        def make(target: Any, source: Any, env: Any) -> int:
            here = Path.cwd()
            os.chdir(link.cwd)
            try:
                if link.relocatable:
                    status = subprocess.run(words, check=False).returncode
                else:
                    status = link_elite(self.build, self.config, words, program, self.stress)
            finally:
                os.chdir(here)
            if status == 0 and not link.relocatable:
                install(program, destination)
            return status

        value = json.dumps([words, repr(self.config), tool, str(destination)])
        action = self.environment.Action(make, f"  {destination}")
        self._command(target, sorted(inputs.values()), value, action)

    def _destination(self, link: Link) -> Path:
        if self.output is None and not self.stress:
            return Path(link.output)
        base = self.output or self.build.path / "stress"
        relative = self.build.relative(link.output, link.cwd).lstrip("/")
        return base / relative


def install(program: Path, destination: Path) -> None:
    """Put a program where the application's build had it; a running one keeps its file."""
    destination.parent.mkdir(parents=True, exist_ok=True)
    fresh = destination.with_name(f".{destination.name}.lp")
    shutil.copy2(program, fresh)
    fresh.replace(destination)


def _with_output(words: list[str], output: str) -> list[str]:
    out = list(words)
    for position, word in enumerate(out):
        if word == "-o":
            out[position + 1] = output
            return out
        if word.startswith("-o") and len(word) > 2:
            out[position] = f"-o{output}"
            return out
    return [*out, "-o", output]


def _verdicts(manifest: Manifest, keys: set[str] | None) -> list[Any]:
    functions = [f for f in manifest.functions.values() if keys is None or f.key in keys]
    outside = sorted(f.name for f in manifest.elite_functions() if not f.static)
    return [[f.to_json() for f in functions], outside]


def _tool_digest() -> str:
    """A digest of our own code: a new version makes everything again."""
    digest = hashlib.sha256()
    for path in sorted(_PACKAGE.rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _environment(build: BuildDir) -> dict[str, str]:
    return {**os.environ, "LP_DIR": str(build.path), "PYTHONPATH": str(_PACKAGE.parent)}
