# SPDX-License-Identifier: GPL-2.0-only
"""`make alloc-bench`: the heap against libc's malloc, in alternating runs of one program.

Prints a table: nanoseconds per malloc and free, and the ratio; --json prints one object. Each
figure is the least of a few runs, which is what a machine with other work on it disturbs least.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.alloc.build import FLAGS, RUNTIME, heap_objects, run


def measure(folder: Path, rounds: int) -> dict[str, dict[str, float]]:
    """Build the program twice in `folder` and run both `rounds` times: for each mix the figures of
    `libc` and `heap` in nanoseconds, and `ratio`."""
    source = RUNTIME / "bench" / "alloc_bench.c"
    objects = heap_objects(folder, "gcc", *FLAGS)
    common = ("gcc", "-O2", "-fno-builtin-malloc", "-pthread", "-no-pie", source)
    run(*common, "-o", folder / "libc")
    run(*common, *objects, "-o", folder / "heap")
    figures: dict[str, dict[str, float]] = {}
    for _ in range(rounds):
        for kind in ("libc", "heap"):
            for mix, nanoseconds in json.loads(run(folder / kind)).items():
                figure = figures.setdefault(mix, {})
                figure[kind] = min(nanoseconds, figure.get(kind, nanoseconds))
    for figure in figures.values():
        figure["ratio"] = round(figure["heap"] / figure["libc"], 2)
    return figures


def main() -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(prog="alloc-bench", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each (default: 3)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(Path(folder), arguments.rounds)
    if arguments.json:
        print(json.dumps(figures))
        return 0
    table = Table("mix/threads", "libc, ns", "heap, ns", "ratio")
    for mix, figure in figures.items():
        table.add_row(
            mix, *(f"{figure[key]:.1f}" for key in ("libc", "heap")), str(figure["ratio"])
        )
    Console().print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
