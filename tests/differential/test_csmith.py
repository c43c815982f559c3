# SPDX-License-Identifier: GPL-2.0-only
"""Differential test: random programs print the same plain, scouted, specialised and with deopts."""

from __future__ import annotations

from pathlib import Path

import pytest

from lp_build.layout import BuildDir
from tests.differential.csmith import LEVELS, compilers, try_program

PROGRAMS, MORE = 30, 70
FIRST_SEED = 20_000
SEEDS = range(FIRST_SEED, FIRST_SEED + PROGRAMS)
MORE_SEEDS = range(FIRST_SEED + PROGRAMS, FIRST_SEED + PROGRAMS + MORE)


@pytest.mark.parametrize(
    "seed", [*SEEDS, *(pytest.param(seed, marks=pytest.mark.slow) for seed in MORE_SEEDS)]
)
def test_program_prints_the_same_in_every_build(
    seed: int, tmp_path: Path, runtime: dict[str, BuildDir]
) -> None:
    # Neighbouring seeds take turns over compilers and levels, so that each pair is tried
    # three times, and ten times with `make test-long`.
    chosen = compilers()
    compiler = chosen[seed % len(chosen)]
    level = LEVELS[seed // len(chosen) % len(LEVELS)]
    tally = try_program(seed, tmp_path, compiler, level, runtime[compiler])
    assert tally.differences == []
