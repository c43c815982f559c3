# SPDX-License-Identifier: GPL-2.0-only
"""The whole way for one C program in one process: scout, manifest, specialise, run.

The same passes as `lp-cc` calls, without a build system around them, so that thousands of small
programs can be tried.
"""

from __future__ import annotations

import os
import random
import shutil
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path

from lp_build.compile.runtime import elite_archive, scout_archive
from lp_build.config import Config
from lp_build.layout import BuildDir
from lp_build.manifest.manifest import make_manifest
from lp_build.manifest.traces import read_traces
from lp_build.model.verdicts import FunctionVerdicts, Manifest, Verdict
from lp_build.projection.project import Projection, project
from lp_build.projection.request import request_for
from lp_build.source.scout import scout_source
from lp_build.source.specialize import specialize_source
from tests.differential.kernel_form import run_here, sources

CSMITH_FLAGS = ["-w", "-I/usr/include/csmith"]
RUN_SECONDS = 10


@dataclass(frozen=True)
class Outcome:
    """What a run printed, how it ended, and what it said on standard error."""

    stdout: str
    status: int
    stderr: str

    @property
    def visible(self) -> tuple[str, int]:
        """What must be equal between builds."""
        return self.stdout, self.status


class TooSlow(Exception):
    """The plain program doesn't end in time: not a useful test."""


def run(program: Path, environment: dict[str, str] | None = None) -> Outcome:
    """Run `program`. Raises TooSlow when it takes longer than RUN_SECONDS."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith("LP_")}
    try:
        done = subprocess.run(
            [str(program)],
            capture_output=True,
            text=True,
            check=False,
            timeout=RUN_SECONDS,
            env={**clean, **(environment or {})},
        )
    except subprocess.TimeoutExpired as error:
        raise TooSlow(str(program)) from error
    return Outcome(done.stdout, done.returncode, done.stderr)


def invert_some(manifest: Manifest, rng: random.Random, share: float) -> Manifest:
    """`manifest` with some likely and unlikely verdicts turned round, so that ordinary deopts
    happen at places that the run does reach."""
    turned = {Verdict.LIKELY: Verdict.UNLIKELY, Verdict.UNLIKELY: Verdict.LIKELY}

    def one(function: FunctionVerdicts) -> FunctionVerdicts:
        conditions = {
            ordinal: turned.get(verdict, verdict) if rng.random() < share else verdict
            for ordinal, verdict in sorted(function.conditions.items())
        }
        return replace(function, conditions=conditions)

    return replace(
        manifest, functions={key: one(f) for key, f in sorted(manifest.functions.items())}
    )


class Trial:
    """One program with one compiler and one optimisation level, in a folder of its own."""

    def __init__(
        self,
        folder: Path,
        source: Path,
        config: Config,
        compiler: list[str],
        runtime: BuildDir,
        *link: str,
    ) -> None:
        """compiler: with its flags. runtime: where archives are kept. link: more to link with."""
        self.link = link
        self.runtime = runtime
        self.folder = folder
        self.source = source
        self.config = config
        self.compiler = compiler
        self.build = BuildDir(folder)
        self.text = subprocess.run(
            [*compiler, *CSMITH_FLAGS, "-E", str(source)], capture_output=True, check=True
        ).stdout

    @property
    def _clang(self) -> bool:
        return "clang" in self.compiler[0]

    def _link(self, objects: list[Path], output: Path, *flags: str) -> Path:
        command = [*self.compiler, "-o", str(output), *map(str, objects), *flags, *self.link]
        subprocess.run([*command, "-lm", "-lpthread"], check=True, capture_output=True, text=True)
        return output

    def plain(self) -> Path:
        """The program as the compiler makes it."""
        return self._link([self.source], self.folder / "plain", *CSMITH_FLAGS)

    def scouted(self) -> Path:
        """The instrumented program."""
        unit = scout_source(self.text, cwd=str(self.folder), build=self.build, config=self.config)
        edited = self.folder / "scouted.i"
        edited.write_bytes(unit.text)
        objects = [edited, scout_archive(self.runtime, self.compiler[0])]
        return self._link(objects, self.folder / "scouted", "-w")

    def manifest(
        self, scouted: Path, environment: dict[str, str] | None = None
    ) -> tuple[Outcome, Manifest | None]:
        """Run the scouted program and decide; None when it never called the request function."""
        traces = self.folder / "traces"
        shutil.rmtree(traces, ignore_errors=True)
        traces.mkdir()
        outcome = run(scouted, {**(environment or {}), "LP_TRACE_DIR": str(traces)})
        if not any(traces.iterdir()):
            return outcome, None
        return outcome, make_manifest(read_traces([traces]), self.config)

    def specialized(
        self, manifest: Manifest, *, stress: bool = False, kernel: bool = False
    ) -> tuple[Path, Projection]:
        """The specialised program and what the projection says of it. kernel: its requests run in
        the kernel form, in this process."""
        unit = specialize_source(
            self.text,
            cwd=str(self.folder),
            build=self.build,
            config=self.config,
            manifest=manifest,
            stress=stress,
            clang=self._clang,
        )
        name = "stress" if stress else "kernel" if kernel else "specialized"
        edited = self.folder / f"{name}.i"
        edited.write_bytes(unit.text)
        flags = "-w -g1 -fno-pic -fno-pie -mno-red-zone -fasynchronous-unwind-tables -S -o -"
        asm = subprocess.run(
            [*self.compiler, *flags.split(), str(edited)],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        request = request_for(
            unit,
            cwd=str(self.folder),
            build=self.build,
            config=self.config,
            manifest=manifest,
            stress=stress,
            keep_debug=False,
            defined=frozenset(),
        )
        projection = project(asm, replace(request, kernel=kernel))
        combined = self.folder / f"{name}.s"
        text = run_here(projection.text) if kernel else projection.text
        combined.write_text(text, encoding="utf-8")
        # One archive serves all programs: it does not depend on the request function's name.
        archive = elite_archive(
            self.runtime, replace(self.config, request="any"), self.compiler[0], stress=stress
        )
        parts = [combined, *(sources() if kernel else ()), archive]
        return self._link(parts, self.folder / name, "-no-pie", "-fno-pie"), projection
