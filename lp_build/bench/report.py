# SPDX-License-Identifier: GPL-2.0-only
"""What `lp bench` hands on: figures under the names of its contract, details, and tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rich.table import Table

from lp_build.bench.spread import Summary

# The reference's figures: key, what it is, and the largest value that is within reach of it (None:
# only shown).
REACH: Mapping[str, float | None] = {
    "dispatch_ns_direct": None,
    "dispatch_ns_switched": None,
    "dispatch_ns_thesis": None,
    "dispatch_ns_over_direct": 3.0,
    "fallback_instructions_ratio": 1.01,
    "thesis_fallback_instructions_ratio": None,
    "elite_instructions_ratio": 1.02,
    "deopt_ns_depth1": None,
    "deopt_ns_depth4": 300.0,
    "deopt_ns_depth16": None,
    "elite_text_share": None,
    "scout_slowdown": 2.0,
    "wrap_make_ratio_scout": 2.5,
    "wrap_make_ratio_specialize": 2.5,
    "configure_ratio": 1.3,
    "kernel_dispatch_instructions_direct": None,
    "kernel_dispatch_instructions_switched": None,
    "kernel_request_instructions_ratio_udp_kv": None,
    "kernel_request_instructions_ratio_memcached_get": None,
    "kernel_deopt_instructions": None,
    "kernel_deopt_ns_two_cpus": None,
}


@dataclass(frozen=True)
class Part:
    """What one part of the benchmark found.

    figures: by key of REACH. details: plain data for JSON. tables, notes: for people.
    """

    name: str
    figures: Mapping[str, float]
    details: Mapping[str, Any]
    tables: Sequence[Table] = ()
    notes: Sequence[str] = field(default=())


def to_json(parts: Sequence[Part]) -> dict[str, Any]:
    """One object: the figures at its top, then reaches and each part's details."""
    figures = {key: value for part in parts for key, value in part.figures.items()}
    return {
        **{key: round(value, 6) for key, value in figures.items()},
        "missed": missed(figures),
        "reach": {key: REACH[key] for key in figures if REACH.get(key) is not None},
        "details": {part.name: dict(part.details) for part in parts},
        "notes": [note for part in parts for note in part.notes],
    }


def missed(figures: Mapping[str, float]) -> list[str]:
    """The keys whose values are beyond their reach, in the reference's order."""
    return [
        key
        for key, limit in REACH.items()
        if limit is not None and key in figures and figures[key] > limit
    ]


def overview(parts: Sequence[Part]) -> Table:
    """All figures, with their reaches."""
    figures = {key: value for part in parts for key, value in part.figures.items()}
    beyond = missed(figures)
    table = new_table("Figures", "figure", "value", "reach", "")
    for key, limit in REACH.items():
        if key in figures:
            verdict = "" if limit is None else "[red]missed[/]" if key in beyond else "ok"
            reach = "" if limit is None else f"≤ {limit:g}"
            table.add_row(key, f"{figures[key]:.3f}", reach, verdict)
    return table


def new_table(title: str, first: str, *columns: str) -> Table:
    """A table in the style of the others."""
    table = Table(title=f"\n{title}", title_justify="left", box=None)
    table.add_column(first, style="bold")
    for column in columns:
        table.add_column(column, justify="right")
    return table


def summary_table(title: str, series: Mapping[str, Summary]) -> Table:
    """Series side by side with the statistics of Table 4.1 as rows."""
    table = new_table(title, "statistic", *series)
    for label, name in (
        ("Mean", "mean"),
        ("Standard deviation", "sd"),
        ("Median", "median"),
        ("Min", "min"),
        ("Max", "max"),
    ):
        table.add_row(label, *(f"{getattr(one, name):.3f}" for one in series.values()))
    return table
