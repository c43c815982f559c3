"""Run in a guest by recipe.py: `redis_guest.py PLAN.json`. GETs and SETs with Elite in the kernel,
then a fixed course of commands and redis's own tests with each variant; prints a JSON object for
each of them."""

from __future__ import annotations

import json
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import recipe

from lp_build.module.load import loaded
from lp_build.module.variants import GuestPlan, GuestVariant, measure_load


def run_variant(row: GuestVariant, sources: Path, units: list[str]) -> dict[str, Any]:
    """The course and the tests with one variant."""
    began = time.monotonic()
    program = Path(row.program)
    with (
        row.loaded(),
        tempfile.TemporaryDirectory() as folder,
    ):
        course = recipe.course(program, **row.environment)
        bench = Path(folder) / "bench"
        results, totals = recipe.run_variant(bench, sources, program, units, row.environment)
    tests = sum(len(unit.tests) for unit in results.values())
    seconds = time.monotonic() - began
    print(f"{row.name}: {tests} tests in {seconds:.0f} s", file=sys.stderr, flush=True)
    return {
        "name": row.name,
        "course": course,
        "results": {name: asdict(result) for name, result in results.items()},
        "totals": {key: totals[key] for key in ("requests", "finished_in_elite")},
    }


def main() -> None:
    """All of the plan."""
    told = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    plan = GuestPlan.read(told)
    with loaded(Path(plan.driver)):
        elite, count = plan.variants[1], told["load"]
        load = measure_load(
            elite,
            count,
            lambda: recipe.measure(Path(elite.program), count, **elite.environment),
        )
        print(json.dumps(asdict(load)), flush=True)
        for row in plan.variants:
            found = run_variant(row, Path(told["sources"]), told["units"])
            print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main()
