# SPDX-License-Identifier: GPL-2.0-only
"""Random programs: each is run plain, scouted, specialised and with forced deopts; all must print
the same."""

from __future__ import annotations

import os
import random
import re
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from lp_build.config import Config
from lp_build.layout import BuildDir
from lp_build.model.verdicts import Manifest
from tests.differential.pipeline import Outcome, TooSlow, Trial, invert_some, run

LEVELS = ("-O0", "-O1", "-O2", "-O3", "-Os")
_GCC_ONLY = {"nested_trampoline"}  # programs/ of nested functions, which clang has not
INVERTED_SHARE = 0.15
ANOTHER_SEED = 1_000_000
# Structs are used, but not passed by value: a request function can't take them.
CSMITH_OPTIONS = (
    *("--concise", "--max-funcs", "6", "--max-block-depth", "4"),
    *("--no-arg-structs", "--no-return-structs", "--no-arg-unions", "--no-return-unions"),
)
_FORWARD = re.compile(r"^(static .*?)\b(func_\d+)\(([^;{]*)\);", re.M)


def takes(compiler: str, program: Path) -> bool:
    """Whether a compiler takes one of programs/."""
    return program.stem not in _GCC_ONLY or "gcc" in compiler


@dataclass
class Tally:
    """What a series of programs amounted to. differences: `seed compiler variant: what`."""

    programs: int = 0
    runs: int = 0
    runs_with_deopts: int = 0
    elite_functions: int = 0
    skipped: int = 0
    differences: list[str] = field(default_factory=list)

    def add(self, other: Tally) -> None:
        """Add another series' counts to this one's."""
        self.programs += other.programs
        self.runs += other.runs
        self.runs_with_deopts += other.runs_with_deopts
        self.elite_functions += other.elite_functions
        self.skipped += other.skipped
        self.differences += other.differences


def write_program(seed: int, path: Path) -> None:
    """A csmith program whose functions are, for the most part, kept from being inlined, so that
    stacks of several Elite frames come about."""
    for attempt in range(9):
        done = subprocess.run(
            ["csmith", "--seed", str(seed + attempt * ANOTHER_SEED), *CSMITH_OPTIONS],
            capture_output=True,
            text=True,
            check=False,
            cwd=path.parent,  # csmith leaves a file where it runs
        )
        if done.returncode == 0:
            break  # csmith itself fails with some seeds
    done.check_returncode()
    rng = random.Random(seed)

    def keep(match: re.Match[str]) -> str:
        return f"__attribute__((noinline)) {match.group(0)}" if rng.random() < 0.6 else match[0]

    path.write_text(_FORWARD.sub(keep, done.stdout), encoding="utf-8")


def choose_requests(source: str, rng: random.Random) -> list[str]:
    """Request functions to try, in order: perhaps one of the others, and func_1, which main calls
    once in each program."""
    names = [match.group(2) for match in _FORWARD.finditer(source) if match.group(3).count(",") < 6]
    return [*rng.sample(names, min(1, len(names))), "func_1"]


def variants(rng: random.Random) -> list[tuple[str, str, dict[str, str]]]:
    """(name, which build, environment) of each run of the specialised program."""
    on = {"LP_ELITE": "inprocess", "LP_STATS": "%s"}
    forced = [
        "all",
        f"nth:{rng.randint(2, 5)}",
        f"nth:{rng.randint(6, 60)}",
        *(f"random:{rng.randrange(1 << 30)}:{p}" for p in ("0.5", "0.05")),
    ]
    return [
        ("off", "ordinary", {}),
        ("no deopts", "ordinary", on),
        ("stress, none forced", "stress", on),
        *((name, "stress", {**on, "LP_FORCE_DEOPT": name}) for name in forced),
        ("kernel form", "kernel", on),
        (
            "kernel form, budgets spent",
            "kernel",
            {**on, "LP_HARNESS_SLICE": f"{rng.randint(0, 9)}"},
        ),
        ("kernel form, no stack", "kernel", {**on, "LP_HARNESS_STACK_IS_FULL": "1"}),
    ]


def try_program(seed: int, folder: Path, compiler: str, level: str, runtime: BuildDir) -> Tally:
    """One program, one compiler, one level; the tally says what differed. The archives of the
    runtime are kept below `runtime`, for the next program."""
    rng = random.Random(f"{seed} {compiler} {level}")
    tally = Tally(programs=1)
    source = folder / "program.c"
    write_program(seed, source)
    try:
        wanted = run(
            Trial(folder, source, Config(request="func_1"), [compiler, level], runtime).plain()
        )
        trial, outcome, manifest = _scout(source, folder, [compiler, level], rng, runtime)
    except TooSlow:
        return Tally(skipped=1)
    where = f"seed {seed}, {compiler} {level}, request {trial.config.request}"
    if outcome.visible != wanted.visible:
        tally.differences.append(f"{where}, scouted: {_difference(wanted, outcome)}")
    tally.runs += 1
    compare(trial, wanted, invert_some(manifest, rng, INVERTED_SHARE), rng, where, tally)
    return tally


def compare(
    trial: Trial, wanted: Outcome, manifest: Manifest, rng: random.Random, where: str, tally: Tally
) -> None:
    """Specialise as `manifest` says, run each variant, and add to `tally` what differs from
    `wanted`."""

    def differs(variant: str, what: str) -> None:
        tally.differences.append(f"{where}, {variant}: {what}")

    programs = {
        "ordinary": trial.specialized(manifest),
        "stress": trial.specialized(manifest, stress=True),
        "kernel": trial.specialized(manifest, kernel=True),
    }
    tally.elite_functions += len(programs["ordinary"][1].functions)
    for name, build, environment in variants(rng):
        stats = trial.folder / "stats.json"
        if "LP_STATS" in environment:
            environment = {**environment, "LP_STATS": str(stats)}
        try:
            outcome = run(programs[build][0], environment)
        except TooSlow:
            differs(name, "does not end")
            continue
        tally.runs += 1
        if outcome.visible != wanted.visible:
            differs(name, _difference(wanted, outcome))
        if stats.exists():
            tally.runs_with_deopts += '"hits"' in stats.read_text(encoding="utf-8")
            stats.unlink()


def _scout(
    source: Path, folder: Path, compiler: list[str], rng: random.Random, runtime: BuildDir
) -> tuple[Trial, Outcome, Manifest]:
    """Scout with the first request function that the program does call."""
    requests = choose_requests(source.read_text(encoding="utf-8"), rng)
    for request in requests:
        trial = Trial(folder, source, Config(request=request), compiler, runtime)
        outcome, manifest = trial.manifest(trial.scouted())
        if manifest is not None:
            return trial, outcome, manifest
    raise AssertionError(f"none of {requests} was called")


def _difference(wanted: Outcome, got: Outcome) -> str:
    if wanted.status != got.status:
        return f"status {got.status} instead of {wanted.status}: {got.stderr[-300:]}"
    return f"prints {got.stdout[-60:]!r} instead of {wanted.stdout[-60:]!r}"


def compilers() -> list[str]:
    """$LP_CC alone if set, else gcc and clang in turn."""
    chosen = os.environ.get("LP_CC")
    return [chosen] if chosen else ["gcc", "clang"]
