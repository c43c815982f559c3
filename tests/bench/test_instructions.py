# SPDX-License-Identifier: GPL-2.0-only
"""Reading callgrind's counts."""

from __future__ import annotations

import pytest

from lp_build.bench.instructions import (
    Count,
    ServerCosts,
    Text,
    busiest_slope,
    parse_callgrind,
    report,
)
from lp_build.errors import LakePlacidError

CALLGRIND = """version: 1
positions: line
events: Ir

ob=(1) /bin/server
fl=(1) server.c
fn=(1) main
16 100
+3 20
cob=(2) /lib/libc.so.6
cfi=(2) memcpy.c
cfn=(2) memcpy
calls=5 40
-2 5000
* 7

ob=(2)
fn=(2)
40 300
+1 30

ob=(3) ???
fn=(3) handle.lp_elite
0 11

totals: 468
"""


def test_own_costs_are_added_up_and_inclusive_ones_are_not() -> None:
    assert parse_callgrind(CALLGRIND).all == 468


def test_what_is_in_no_shared_library_is_the_programs() -> None:
    assert parse_callgrind(CALLGRIND).program == 138


def test_no_costs_are_an_error() -> None:
    with pytest.raises(LakePlacidError, match="counted nothing"):
        parse_callgrind("version: 1\n")


def test_the_slope_is_what_more_requests_took() -> None:
    assert Count(3000, 1500).slope(Count(1000, 500), 100) == Count(20.0, 10.0)


def test_the_thread_that_serves_is_the_one_that_requests_make_work_for() -> None:
    few = {".out-01": Count(9000, 9000), ".out-02": Count(2000, 1000), ".out-03": Count(50, 0)}
    many = {".out-01": Count(9010, 9000), ".out-02": Count(4000, 2000), ".out-03": Count(90, 0)}
    assert busiest_slope(few, many, 100) == Count(20.0, 10.0)


def test_figures_are_the_worst_over_the_servers() -> None:
    def costs(name: str, elite: float) -> ServerCosts:
        builds = {"plain": 100.0, "plain_fixed": 99.0, "fallback": 100.5, "thesis": 130.0}
        builds |= {"elite": elite, "scouted": 700.0}
        counts = {build: Count(cost, cost) for build, cost in builds.items()}
        return ServerCosts(name, counts, Text(50, 1000, 0.99))

    part = report([costs("small", 103.0), costs("large", 101.0)])
    assert part.figures == {
        "fallback_instructions_ratio": 1.005,
        "thesis_fallback_instructions_ratio": 1.3,
        "elite_instructions_ratio": 1.03,
        "elite_text_share": 0.05,
    }
    assert part.details["large"]["per_request"]["elite"]["ratio"] == 1.01
