# SPDX-License-Identifier: GPL-2.0-only
"""Run in a guest by recipe.py: `memcached_guest.py PLAN.json`. memcached's own tests with each
variant; prints a line of JSON for each file of tests and variant."""

from __future__ import annotations

import json
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

import suite

from lp_build.kernel_module.load import loaded
from lp_build.statistics import read_run, totals_of
from lp_build.trials.tree import environment
from lp_build.trials.variants import GuestPlan, GuestVariant, run_tests

# Seconds for a server, and for a file: t/restart.t takes minutes under emulation, with deopts more.
LIMIT = 1799
TIMEOUT = 3600.0


def run_file(row: GuestVariant, sources: Path, file: str) -> tuple[bool, str, dict[str, Any]]:
    """One file of the tests with one variant, as run_tests wants it."""
    with tempfile.TemporaryDirectory() as temporary:
        bench = suite.bench_folder(
            Path(temporary) / "bench",
            sources,
            Path(row.program),
            sources / "timedrun",
            LIMIT,
        )
        statistics = Path(temporary) / "stats"
        statistics.mkdir()
        told = {"LP_STATS": f"{statistics}/%p.json"} if row.module else {}
        settings = environment(**row.environment, **told)
        result = suite.run_suite(bench, [file], settings, timeout=TIMEOUT)[file]
        totals = totals_of(map(read_run, statistics.glob("*.json")))
    begun, finished = totals["requests"], totals["finished_in_elite"]
    found = {**asdict(result), "begun": begun, "finished": finished}
    return result.status != "failed", str(result), found


def main() -> None:
    """All of the plan."""
    told = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    plan = GuestPlan.read(told)
    with loaded(Path(plan.driver)):
        run_tests(
            plan,
            told["files"],
            told["seconds"],
            lambda row, file: run_file(row, Path(told["sources"]), file),
        )


if __name__ == "__main__":
    main()
