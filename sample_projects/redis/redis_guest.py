# SPDX-License-Identifier: GPL-2.0-only
"""Run in a guest by recipe.py: `redis_guest.py PLAN.json`. GETs and SETs with Elite in the kernel,
a fixed course of commands and redis's own tests with each variant; prints a line of JSON for what
the load was, for each course, and for each unit of tests."""

from __future__ import annotations

import json
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

import recipe
from redis_load import run_load
from redis_suite import GUEST_TIMEOUT

from lp_build.kernel_module.load import loaded
from lp_build.trials.variants import GuestPlan, GuestVariant, measure_load, run_tests


def run_unit(row: GuestVariant, sources: Path, unit: str) -> tuple[bool, str, dict[str, Any]]:
    """One unit of the tests with one variant, as run_tests wants it."""
    with tempfile.TemporaryDirectory() as folder:
        results, totals = recipe.run_variant(
            Path(folder) / "bench",
            sources,
            Path(row.program),
            [unit],
            row.environment,
            GUEST_TIMEOUT,
        )
    result = results[unit]
    good = "" if result.good else ", not all passed"
    return result.good, f"{len(result.tests)} tests{good}", {**asdict(result), "totals": totals}


def main() -> None:
    """All of the plan."""
    told = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    plan = GuestPlan.read(told)
    with loaded(Path(plan.driver)):
        elite, count = plan.variants[1], told["load"]
        load = measure_load(
            elite,
            count,
            lambda: recipe.Redis().measure(
                Path(elite.program),
                lambda port: run_load(port, count, seed=2),
                **elite.environment,
            ),
        )
        print(json.dumps(asdict(load)), flush=True)
        courses = {}
        for row in plan.variants:
            with row.loaded():
                courses[row.name] = recipe.course(Path(row.program), **row.environment)
        print(json.dumps(courses), flush=True)
        run_tests(
            plan,
            told["units"],
            told["seconds"],
            lambda row, unit: run_unit(row, Path(told["sources"]), unit),
        )


if __name__ == "__main__":
    main()
