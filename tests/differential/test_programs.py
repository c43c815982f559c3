# SPDX-License-Identifier: GPL-2.0-only
"""Programs that compilers turn into something rare, in programs/: each prints the same plain,
specialised, with deopts, and in its kernel form, with each compiler at each level (at SELDOM by
`make test-long`)."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from lp_build.config import Config
from lp_build.layout import BuildDir
from tests.differential.csmith import LEVELS, Tally, compare, compilers, takes
from tests.differential.pipeline import Trial, run

PROGRAMS = sorted((Path(__file__).parent / "programs").glob("*.c"))
PAIRS = [
    pytest.param(program, compiler, id=f"{program.stem}-{compiler}")
    for program in PROGRAMS
    for compiler in compilers()
    if takes(compiler, program)
]
# What these have is in the code of others too: -O2 does what -O1 does, and nearly all of -O3.
SELDOM = ("-O1", "-O3")


@pytest.mark.parametrize(
    "level",
    [pytest.param(o, marks=pytest.mark.slow) if o in SELDOM else o for o in LEVELS],
)
@pytest.mark.parametrize(("program", "compiler"), PAIRS)
def test_prints_the_same_in_every_build(
    program: Path, level: str, compiler: str, tmp_path: Path, runtime: dict[str, BuildDir]
) -> None:
    config = Config(request="request")
    trial = Trial(tmp_path, program, config, [compiler, level], runtime[compiler])
    wanted = run(trial.plain())
    outcome, manifest = trial.manifest(trial.scouted())
    assert outcome.visible == wanted.visible
    assert manifest is not None
    tally = Tally()
    rng = random.Random(f"{program.stem} {compiler} {level}")
    compare(trial, wanted, manifest, rng, f"{compiler} {level}", tally)
    assert tally.differences == []
