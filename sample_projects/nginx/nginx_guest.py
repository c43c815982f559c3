# SPDX-License-Identifier: GPL-2.0-only
"""Run in a guest by recipe.py: `nginx_guest.py PLAN.json`. GETs of static files with Elite in the
kernel, then the suite with each variant; prints a JSON object for each of them."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import recipe
from nginx_load import run_load
from nginx_suite import run_suite

from lp_build.kernel_module.load import loaded
from lp_build.trials.tree import environment
from lp_build.trials.variants import GuestPlan, GuestVariant, measure_load


def run_variant(row: GuestVariant, names: list[str]) -> dict[str, Any]:
    """The suite with one variant."""
    began = time.monotonic()
    settings = dict(row.environment)
    if row.module:
        settings["LP_STATS"] = "{}/stats/%p.json"
    with row.loaded():
        results, written = run_suite(Path(row.program), environment(**settings), names)
    seconds = time.monotonic() - began
    print(f"{row.name}: {len(results)} tests in {seconds:.0f} s", file=sys.stderr, flush=True)
    return {
        "name": row.name,
        "results": {name: asdict(result) for name, result in results.items()},
        "totals": recipe.counted(written),
        "seconds": seconds,
    }


def main() -> None:
    """All of the plan."""
    told = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    plan = GuestPlan.read(told)
    with loaded(Path(plan.driver)):
        elite, count = plan.variants[1], told["gets"]
        load = measure_load(
            elite,
            count,
            lambda: recipe.Nginx().measure(
                Path(elite.program),
                lambda port: run_load(port, count, seed=2),
                **elite.environment,
            ),
        )
        print(json.dumps(asdict(load)), flush=True)
        for row in plan.variants:
            print(json.dumps(run_variant(row, told["tests"])), flush=True)


if __name__ == "__main__":
    main()
