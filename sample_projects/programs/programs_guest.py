# SPDX-License-Identifier: GPL-2.0-only
"""Run in a guest by programs.py: `programs_guest.py PLAN.json`. Prints a line of JSON for each
variant of the plan, then one with the commands that fail with the plain build."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import programs
from rich.console import Console


def main() -> None:
    """All of the plan."""
    plan = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    for found in programs.run_guest(plan, Console(stderr=True, soft_wrap=True)):
        print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main()
