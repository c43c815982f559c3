# SPDX-License-Identifier: GPL-2.0-only
"""C programs through the source passes and real compilers, for the tests of this folder."""

from __future__ import annotations

import json
import os
import random
import re
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from lp_build.config import Config
from lp_build.layout import BuildDir
from lp_build.model.sites import CONDITION_KINDS, Function, ScoutTable, UnitSites
from lp_build.model.verdicts import FunctionVerdicts, Manifest, Verdict
from lp_build.resources import resource_dir

HERE = Path(__file__).parent
COMPILERS = ("gcc", "clang")
SECONDS = 20


@dataclass(frozen=True)
class Run:
    """What a program printed, and its exit status."""

    output: bytes
    status: int


@dataclass
class Case:
    """A program of cases/ and what its head says of it, by key."""

    path: Path
    heads: dict[str, str] = field(default_factory=dict)

    @property
    def flags(self) -> list[str]:
        """Options of the compilers."""
        return [f"-std={self.heads.get('std', 'gnu17')}", *self.heads.get("flags", "").split()]

    @property
    def config(self) -> Config:
        """The request function is always `handle`."""
        return Config(request="handle", loop=self.heads.get("loop"))

    def by_function(self, key: str) -> dict[str, list[str]]:
        """A head's value of the form `f: a b; g: c`; a name may itself hold a colon and digits."""
        result: dict[str, list[str]] = {}
        for part in self.heads.get(key, "").split(";"):
            name, _, words = part.strip().rpartition(": ")
            if name:
                result[name] = words.split()
        return result


def read_case(path: Path) -> Case:
    """Read the comment at a program's head."""
    case = Case(path)
    comment = path.read_text(encoding="utf-8").partition("*/")[0]
    for match in re.finditer(r"^ \* (\w+): (.+)$", comment, re.M):
        case.heads[match.group(1)] = match.group(2)
    return case


def preprocess(compiler: str, source: Path, flags: list[str]) -> bytes:
    """`cc -E` as a build in the source's folder runs it."""
    command = [compiler, "-w", *flags, "-E", source.name]
    return subprocess.run(command, cwd=source.parent, capture_output=True, check=True).stdout


def compile_and_run(
    compiler: str, flags: list[str], inputs: list[Path], program: Path, log: Path | None = None
) -> Run:
    """Compile to `program` and run it; raises CalledProcessError with the compiler's message."""
    command = [compiler, *flags, *map(str, inputs), "-o", str(program), "-lm"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stderr}"
    environment = {**os.environ, **({"STUB_LOG": str(log)} if log else {})}
    run = subprocess.run(
        [str(program)], capture_output=True, check=False, timeout=SECONDS, env=environment
    )
    return Run(run.stdout, run.returncode)


def stub_runtime(folder: Path) -> Path:
    """The tests' scouting runtime, compiled."""
    target = folder / "stub_runtime.o"
    subprocess.run(
        [
            *("gcc", "-O1", "-Wall", "-Wextra", "-Werror", "-c"),
            f"-I{resource_dir('c_runtime')}",
            *(str(HERE / "stub_runtime.c"), "-o", str(target)),
        ],
        check=True,
    )
    return target


def build_dir(source: Path) -> BuildDir:
    """A project whose top is the source's folder."""
    return BuildDir(source.parent)


def table_in(text: bytes) -> ScoutTable:
    """The table that a scouted text carries."""
    match = re.search(rb"\{ \d+, \d+, \d+, 0, 0, 0, ((?:\"(?:[^\"\\]|\\.)*\" ?)+),", text)
    assert match is not None
    literal = "".join(re.findall(r'"((?:[^"\\]|\\.)*)"', match.group(1).decode()))
    return ScoutTable.from_json(json.loads(re.sub(r"\\([\\\"?])", r"\1", literal)))


def arm_names(table: ScoutTable) -> dict[int, str]:
    """`function:ordinal:arm`, or a function's name for its entry, by arm number."""
    names: dict[int, str] = {}
    for function, entry, first, (call, count) in zip(
        table.functions, table.entries, table.first, table.calls, strict=True
    ):
        names[entry] = function.name
        names.update((call + n, f"{function.name}:call{n}") for n in range(count))
        for site, index in zip(function.sites, first, strict=True):
            for number, arm in enumerate(site.arms):
                names[index + number] = f"{function.name}:{site.ordinal}:{arm.name}"
    return names


def verdicts(function: Function, rng: random.Random) -> FunctionVerdicts:
    """An Elite function with verdicts by chance."""
    conditions = {
        site.ordinal: rng.choice(list(Verdict))
        for site in function.sites
        if site.kind in CONDITION_KINDS
    }
    switches = {
        site.ordinal: tuple(arm.name for arm in site.arms if rng.random() < 0.5)
        for site in function.sites
        if site.kind == "switch"
    }
    return FunctionVerdicts(
        function.file,
        function.name,
        function.digest,
        function.line,
        function.static,
        True,
        conditions,
        switches,
    )


def manifest_of(
    sites: UnitSites, seed: int = 1, changes: dict[str, FunctionVerdicts] | None = None
) -> Manifest:
    """All functions Elite, with verdicts by chance, but those given by name in `changes`."""
    rng = random.Random(seed)
    functions = {f.key: verdicts(f, rng) for f in sites.functions}
    for entry in (changes or {}).values():
        functions[entry.key] = entry
    return Manifest("handle", None, 0.99, 1.0, functions)
