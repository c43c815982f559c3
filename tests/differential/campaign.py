# SPDX-License-Identifier: GPL-2.0-only
"""`make csmith N=2000`: a long series of random programs, over both compilers and all levels.

Prints what it ran; exits 1 when anything differed.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

from lp_build.layout import BuildDir
from tests.differential.csmith import LEVELS, Tally, compilers, try_program


def _one(first: int, kept: Path, number: int) -> Tally:
    seed = first + number
    pairs = [(compiler, level) for compiler in compilers() for level in LEVELS]
    compiler, level = pairs[number % len(pairs)]
    runtime = BuildDir(kept / compiler)
    with tempfile.TemporaryDirectory() as folder:
        try:
            return try_program(seed, Path(folder), compiler, level, runtime)
        except Exception as error:
            # A crash of the tool is a finding too: the series goes on and reports it.
            return Tally(programs=1, differences=[f"seed {seed}, {compiler} {level}: {error!r}"])


def main() -> int:
    """Run the campaign."""
    parser = argparse.ArgumentParser(prog="campaign", description=__doc__)
    parser.add_argument("programs", type=int, nargs="?", default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2)
    arguments = parser.parse_args()
    total = Tally()
    with (
        tempfile.TemporaryDirectory() as kept,
        ProcessPoolExecutor(arguments.jobs) as pool,
    ):
        work = partial(_one, arguments.seed, Path(kept))
        for number, tally in enumerate(pool.map(work, range(arguments.programs)), 1):
            for line in tally.differences:
                print(line, flush=True)
            total.add(tally)
            if number % 100 == 0:
                print(f"{number} programs, {total.runs} runs", flush=True)
    print(
        f"{total.programs} programs (seeds from {arguments.seed}, {', '.join(compilers())}, "
        f"{' '.join(LEVELS)}), {total.elite_functions} Elite functions, {total.runs} runs, "
        f"{total.runs_with_deopts} of them with deopts, {total.skipped} programs left out "
        f"(too slow, or the request never called), {len(total.differences)} differences"
    )
    return 1 if total.differences else 0


if __name__ == "__main__":
    sys.exit(main())
