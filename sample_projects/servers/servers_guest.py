# SPDX-License-Identifier: GPL-2.0-only
"""Run in a guest by recipe.py: `servers_guest.py PLAN.json`. One server under its load with Elite
in the kernel; prints what finished there."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path

import recipe
from servers import TRIALS

from lp_build.kernel_module.load import loaded


def main() -> None:
    """The trial that the plan names."""
    plan = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    (trial,) = [one for one in TRIALS if one.name == plan["trial"]]
    with loaded(Path(plan["driver"]), trial.group), loaded(Path(plan["application"])):
        share = recipe.measure(trial, Path(plan["build"]), plan["count"], LP_ELITE="kernel")
    print(json.dumps(asdict(share)), flush=True)


if __name__ == "__main__":
    main()
