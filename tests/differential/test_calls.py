# SPDX-License-Identifier: GPL-2.0-only
"""Differential test: programs whose requests call what is not Elite, and is called back, jumped
past, unwound through or forked by it, print the same specialised, and wherever they leave Elite."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from lp_build.config import Config
from lp_build.layout import BuildDir
from lp_build.model.verdicts import Manifest
from tests.differential.pipeline import Outcome, Trial, run

HERE = Path(__file__).parent / "calls"
COMPILERS = ("gcc -O2", "gcc -O0", "clang -O1")
WAIT = (
    "callbacks",
    "contexts",
    "exceptions",
    "exits",
    "jumps",
    "looks",
    "plugin",
    "processes",
    "signals",
    "tails",
    "threads",
)
# Neither does a queued request jump to its caller, nor are its thread's signals its own.
QUEUE = ("bound", "callbacks", "contexts", "plugin", "processes", "tails")
FORCED = (
    "all",
    *(f"nth:{number}" for number in (1, 2, 3, 4, 5, 7, 10, 14, 19, 25)),
    *(f"random:{seed}:{share}" for seed in (1, 2, 3) for share in ("0.3", "0.05")),
)
_SITE = re.compile(r'\.string "([^"]*:(?:call@|\d+:|loop@)[^"]*)"')
RuntimeFor = Callable[[str, str], BuildDir]


@pytest.fixture(scope="session")
def runtime_for(tmp_path_factory: pytest.TempPathFactory) -> RuntimeFor:
    """By compiler and mode, where the runtime's archives are kept for all programs."""
    made: dict[tuple[str, str], BuildDir] = {}

    def get(compiler: str, mode: str) -> BuildDir:
        key = compiler.split()[0], mode
        if key not in made:
            made[key] = BuildDir(tmp_path_factory.mktemp("runtime"))
        return made[key]

    return get


@dataclass
class Program:
    """A program of calls/, scouted, and what it prints as the compiler makes it."""

    trial: Trial
    environment: dict[str, str]
    manifest: Manifest
    wanted: Outcome
    words: tuple[str, ...] = ()

    def differences(self, program: Path, variants: list[dict[str, str]]) -> list[str]:
        """The variants of the environment in which `program` does something else."""
        found = []
        for variant in variants:
            outcome = run(program, {**self.environment, **variant})
            if outcome.visible != self.wanted.visible:
                found.append(f"{variant}: {outcome}")
        return found


def compiled(command: list[str], source: str, target: Path) -> Path:
    subprocess.run([*command, "-o", str(target), str(HERE / source)], check=True)
    return target


def scouted(name: str, compiler: str, mode: str, folder: Path, runtime_for: RuntimeFor) -> Program:
    environment: dict[str, str] = {}
    link: list[str] = []
    flags = ["-D_GNU_SOURCE", f"-I{HERE}"]
    if mode == "queue":
        flags.append("-DQUEUE")
    if name == "plugin":
        made = compiled(["gcc", "-shared", "-fpic"], "plugin_library.c", folder / "plugin.so")
        environment["PLUGIN"] = str(made)
    elif name == "exceptions":
        flags.append("-fexceptions")
        made = compiled(["g++", "-O1", "-c"], "exceptions_library.cc", folder / "library.o")
        link += [str(made), "-lstdc++"]
    elif name == "looks":
        link.append("-rdynamic")
    command = [*compiler.split(), *flags]
    config = Config(request="request", mode=mode)
    source = HERE / f"{name}.c"
    trial = Trial(folder, source, config, command, runtime_for(compiler, mode), *link)
    wanted = run(trial.plain(), environment)
    assert wanted.status == 0, wanted
    outcome, manifest = trial.manifest(trial.scouted(), environment)
    assert outcome.visible == wanted.visible
    assert manifest is not None
    return Program(trial, environment, manifest, wanted)


@pytest.mark.parametrize("compiler", COMPILERS)
@pytest.mark.parametrize(
    ("mode", "name"), [*(("wait", name) for name in WAIT), *(("queue", name) for name in QUEUE)]
)
def test_program_prints_the_same_wherever_it_leaves(
    mode: str, name: str, compiler: str, tmp_path: Path, runtime_for: RuntimeFor
) -> None:
    program = scouted(name, compiler, mode, tmp_path, runtime_for)
    on = {"LP_ELITE": "inprocess"}
    stats = tmp_path / "stats.json"
    ordinary, _ = program.trial.specialized(program.manifest)
    assert program.differences(ordinary, [{}, {**on, "LP_STATS": str(stats)}]) == []
    if mode == "wait":
        told = json.loads(stats.read_text(encoding="utf-8"))
        assert told["deopts"]["total"] == 0
        assert told["requests"] >= 24
        # Those that were jumped out of last: nobody has come by since.
        left = told["slots"]["in_use"] if name == "jumps" else 0
        assert told["finished_in_elite"] == told["requests"] - left
        assert left <= 5
        assert told["slots"]["own_stack"] == 0

    stress, _ = program.trial.specialized(program.manifest, stress=True)
    text = (tmp_path / "stress.s").read_text(encoding="utf-8")
    sites = [f"site:{name}" for name in sorted(set(_SITE.findall(text)))]
    assert sites
    forced = [{**on, "LP_FORCE_DEOPT": where} for where in (*FORCED, *sites)]
    assert program.differences(stress, [on, *forced]) == []
