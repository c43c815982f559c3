# SPDX-License-Identifier: GPL-2.0-only
"""Dispatch and deopt in nanoseconds, as Table 4.1 of the thesis has them."""

from __future__ import annotations

import json
import os
import shlex
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lp_build.bench.report import Part, summary_table
from lp_build.bench.spread import Summary, summarize
from lp_build.compile.runtime_sources import render_dispatch_bench
from lp_build.errors import LakePlacidError
from lp_build.steps import run_step

REPEATS, CALLS = 100, 10_000
_KINDS = ("direct", "switched", "thesis")
_DEPTHS = ("1", "4", "16")


@dataclass(frozen=True)
class Measured:
    """Nanoseconds per call: by kind of call, and a deopt's by depth of the stack."""

    calls: Mapping[str, Summary]
    deopts: Mapping[str, Summary]


def build(folder: Path, compiler: str) -> Path:
    """Compile and link the benchmark in `folder`; return the program. Raises LakePlacidError with
    the compiler's words when that fails."""
    words = shlex.split(compiler)
    sources = render_dispatch_bench(folder / "rendered")
    objects: list[str] = []
    for source in sources:
        target = str(folder / f"{source.path.name}.o")
        run_step([*words, *source.flags, "-c", source.path, "-o", target], folder)
        objects.append(target)
    program = folder / "dispatch_bench"
    run_step([*words, "-no-pie", "-pthread", *objects, "-o", program], folder)
    return program


def parse(text: str) -> Measured:
    """Read what dispatch_bench prints. Raises LakePlacidError for anything else."""
    try:
        data: dict[str, Any] = json.loads(text)
        return Measured(
            {kind: summarize(_numbers(data[kind])) for kind in _KINDS},
            {depth: summarize(_numbers(data["deopt"][depth])) for depth in _DEPTHS},
        )
    except (ValueError, KeyError, TypeError) as error:
        raise LakePlacidError(
            f"dispatch_bench printed something else than its numbers: {error!r}",
            remedy="run it by hand below the work folder's bench/dispatch",
        ) from error


def _numbers(values: Sequence[object]) -> list[float]:
    return [float(str(value)) for value in values]


def measure(work: Path, compiler: str) -> Part:
    """Build and run it, and report. Raises LakePlacidError when one of that fails."""
    folder = work / "bench" / "dispatch"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    program = build(folder, compiler)
    environment = {k: v for k, v in os.environ.items() if not k.startswith("LP_")}
    environment["LP_ELITE"] = "inprocess"
    measured = parse(run_step([program, str(REPEATS), str(CALLS)], folder, environment))
    return report(measured)


def report(measured: Measured) -> Part:
    """The part of the report; figures are medians, which a busy machine disturbs least."""
    median = {kind: one.median for kind, one in measured.calls.items()}
    figures = {f"dispatch_ns_{kind}": value for kind, value in median.items()}
    figures["dispatch_ns_over_direct"] = median["switched"] - median["direct"]
    figures |= {f"deopt_ns_depth{depth}": one.median for depth, one in measured.deopts.items()}
    details = {
        "repeats": REPEATS,
        "calls": CALLS,
        **{kind: one.to_json() for kind, one in measured.calls.items()},
        "deopt": {depth: one.to_json() for depth, one in measured.deopts.items()},
    }
    tables = (
        summary_table(
            f"Average time per function call (ns), {REPEATS} times {CALLS:,} calls (Table 4.1)",
            {
                "direct": measured.calls["direct"],
                "switched": measured.calls["switched"],
                "the thesis's scheme": measured.calls["thesis"],
            },
        ),
        summary_table(
            "Deopt and resume (ns), by depth of the stack",
            {f"depth {depth}": one for depth, one in measured.deopts.items()},
        ),
    )
    notes = (
        "dispatch and deopt: the figures are medians",
        "deopt: of a request that leaves Elite, less the time of one that stays",
    )
    return Part("dispatch", figures, details, tables, notes)
