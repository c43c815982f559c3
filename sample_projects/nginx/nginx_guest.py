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
from nginx_suite import run_suite

from lp_build.module.load import loaded, read_status
from lp_build.module.variants import GuestPlan, GuestVariant


def measure_gets(row: GuestVariant, count: int) -> dict[str, Any]:
    """GETs, each answer verified: what nginx's worker counted, and the driver."""
    with row.loaded():
        found, _ = recipe.measure(Path(row.program), count, **row.environment)
        (application,) = read_status()["applications"]
    return {
        "sent": count,
        "requests": found.requests,
        "finished": found.finished,
        "deopts": application["deopts"],
        "places": [f"{one.count:8,}  {one.where} {one.site}" for one in found.deopts[:15]],
    }


def run_variant(row: GuestVariant, names: list[str]) -> dict[str, Any]:
    """The suite with one variant."""
    began = time.monotonic()
    settings = dict(row.environment)
    if row.module:
        settings["LP_STATS"] = "{}/stats/%p.json"
    with row.loaded():
        results, written = run_suite(Path(row.program), recipe.environment(**settings), names)
    seconds = time.monotonic() - began
    print(f"{row.name}: {len(results)} tests in {seconds:.0f} s", file=sys.stderr, flush=True)
    return {
        "name": row.name,
        "results": {name: asdict(result) for name, result in results.items()},
        "totals": recipe.totals_of(written),
        "seconds": seconds,
    }


def main() -> None:
    """All of the plan."""
    told = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    plan = GuestPlan.read(told)
    with loaded(Path(plan.driver)):
        print(json.dumps(measure_gets(plan.variants[1], told["gets"])), flush=True)
        for row in plan.variants:
            print(json.dumps(run_variant(row, told["tests"])), flush=True)


if __name__ == "__main__":
    main()
