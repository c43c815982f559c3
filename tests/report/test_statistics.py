# SPDX-License-Identifier: GPL-2.0-only
"""What is read of LP_STATS."""

from __future__ import annotations

from lp_build.statistics import Deopt, Run, sum_runs


def run_with(**hits: int) -> Run:
    """A run that left Elite so often at line 1 of each file."""
    deopts = tuple(Deopt("site", f"{name}.c", 1, count) for name, count in hits.items())
    return Run("a.json", "inprocess", "wait", 9, 3, deopts, 100, 1000, {}, {})


def test_runs_together_tell_the_most_frequent_place_first() -> None:
    total = sum_runs([run_with(b=4, a=3), run_with(a=2)], "both")
    assert [(one.where, one.hits) for one in total.deopts] == [("a.c:1", 5), ("b.c:1", 4)]
