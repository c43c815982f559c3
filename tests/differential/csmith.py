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
from lp_build.errors import LakePlacidError
from tests.differential.pipeline import Outcome, TooSlow, Trial, invert_some, run

LEVELS = ("-O0", "-O1", "-O2", "-O3", "-Os")
INVERTED_SHARE = 0.15
_FORWARD = re.compile(r"^(static .*?)\b(func_\d+)\(([^;{]*)\);", re.M)


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
    done = subprocess.run(
        ["csmith", "--seed", str(seed), "--concise", "--max-funcs", "6", "--max-block-depth", "4"],
        capture_output=True,
        text=True,
        check=True,
        cwd=path.parent,  # csmith leaves a file where it runs
    )
    rng = random.Random(seed)

    def keep(match: re.Match[str]) -> str:
        return f"__attribute__((noinline)) {match.group(0)}" if rng.random() < 0.6 else match[0]

    path.write_text(_FORWARD.sub(keep, done.stdout), encoding="utf-8")


def choose_request(source: str, rng: random.Random) -> str | None:
    """A function, func_1 (called once) or another, that takes and returns only scalars and
    pointers; None if there is none."""
    names = [
        match.group(2)
        for match in _FORWARD.finditer(source)
        if "struct" not in match.group(0)
        and "union" not in match.group(0)
        and match.group(3).count(",") < 6
    ]
    return rng.choice(names) if names else None


def variants(rng: random.Random) -> list[tuple[str, bool, dict[str, str]]]:
    """(name, in the stress build?, environment) of each run of the specialised program."""
    on = {"LP_ELITE": "inprocess", "LP_STATS": "%s"}
    forced = [
        "all",
        f"nth:{rng.randint(2, 5)}",
        f"nth:{rng.randint(6, 60)}",
        *(f"random:{rng.randrange(1 << 30)}:{p}" for p in ("0.5", "0.05")),
    ]
    return [
        ("off", False, {}),
        ("no deopts", False, on),
        ("stress, none forced", True, on),
        *((name, True, {**on, "LP_FORCE_DEOPT": name}) for name in forced),
    ]


def try_program(seed: int, folder: Path, compiler: str, level: str) -> Tally:
    """One program, one compiler, one level; the tally says what differed."""
    rng = random.Random(f"{seed} {compiler} {level}")
    tally = Tally(programs=1)
    source = folder / "program.c"
    write_program(seed, source)
    request = choose_request(source.read_text(encoding="utf-8"), rng)
    if request is None:
        return Tally(skipped=1)
    where = f"seed {seed}, {compiler} {level}, request {request}"

    def differs(variant: str, what: str) -> None:
        tally.differences.append(f"{where}, {variant}: {what}")

    trial = Trial(folder, source, Config(request=request), [compiler, level])
    try:
        wanted = run(trial.plain())
        outcome, manifest = trial.manifest(trial.scouted())
    except TooSlow:
        return Tally(skipped=1)
    except LakePlacidError as error:
        # A function that this run never calls can't be a request.
        if "no traces" in str(error):
            return Tally(skipped=1)
        raise
    tally.runs += 1
    if outcome.visible != wanted.visible:
        differs("scouted", _difference(wanted, outcome))
    manifest = invert_some(manifest, rng, INVERTED_SHARE)
    programs = {stress: trial.specialized(manifest, stress=stress) for stress in (False, True)}
    tally.elite_functions += len(programs[False][1].functions)
    for name, stress, environment in variants(rng):
        stats = folder / "stats.json"
        if "LP_STATS" in environment:
            environment = {**environment, "LP_STATS": str(stats)}
        try:
            outcome = run(programs[stress][0], environment)
        except TooSlow:
            differs(name, "does not end")
            continue
        tally.runs += 1
        if outcome.visible != wanted.visible:
            differs(name, _difference(wanted, outcome))
        if stats.exists():
            tally.runs_with_deopts += '"hits"' in stats.read_text(encoding="utf-8")
            stats.unlink()
    return tally


def _difference(wanted: Outcome, got: Outcome) -> str:
    if wanted.status != got.status:
        return f"status {got.status} instead of {wanted.status}: {got.stderr[-300:]}"
    return f"prints {got.stdout[-60:]!r} instead of {wanted.stdout[-60:]!r}"


def compilers() -> list[str]:
    """$LP_CC alone if set, else gcc and clang in turn."""
    chosen = os.environ.get("LP_CC")
    return [chosen] if chosen else ["gcc", "clang"]
