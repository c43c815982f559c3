"""Run in a guest by recipe.py: `memcached_guest.py PLAN.json`. memcached's own tests with each
variant; prints a JSON object for each."""

from __future__ import annotations

import json
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import recipe
import suite

from lp_build.module.load import loaded
from lp_build.module.variants import GuestPlan, GuestVariant

JOBS = 2  # files at a time


def run_variant(row: GuestVariant, sources: Path, files: list[str]) -> dict[str, Any]:
    """The tests with one variant."""
    began = time.monotonic()

    def show(result: suite.FileResult) -> None:
        text = f"{row.name}: {result.name}: {result} ({result.seconds:.0f} s)"
        print(text, file=sys.stderr, flush=True)

    with row.loaded(), tempfile.TemporaryDirectory() as temporary:
        bench = suite.bench_folder(
            Path(temporary) / "bench", sources, Path(row.program), sources / "timedrun"
        )
        statistics = Path(temporary) / "stats"
        statistics.mkdir()
        told = {"LP_STATS": f"{statistics}/%p.json"} if row.module else {}
        environment = recipe.clean_environment(**row.environment, **told)
        results = suite.run_suite(bench, files, environment, jobs=JOBS, progress=show)
        begun, finished = recipe.elite_totals(statistics)
    return {
        "name": row.name,
        "results": {name: asdict(result) for name, result in results.items()},
        "begun": begun,
        "finished": finished,
        "seconds": time.monotonic() - began,
    }


def main() -> None:
    """All of the plan."""
    told = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    plan = GuestPlan.read(told)
    with loaded(Path(plan.driver)):
        for row in plan.variants:
            print(json.dumps(run_variant(row, Path(told["sources"]), told["files"])), flush=True)


if __name__ == "__main__":
    main()
