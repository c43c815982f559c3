# SPDX-License-Identifier: GPL-2.0-only
"""Numbers put together: summaries, ratios, and what is told of figures."""

from __future__ import annotations

import pytest

from lp_build.bench.report import Part, missed, overview, to_json
from lp_build.bench.spread import ratio, summarize
from lp_build.errors import LakePlacidError


def test_a_summary_has_the_statistics_of_table_4_1() -> None:
    summary = summarize([4.0, 1.0, 2.0, 9.0])
    assert (summary.mean, summary.median, summary.min, summary.max) == (4.0, 3.0, 1.0, 9.0)
    assert summary.sd == pytest.approx(3.559, abs=0.001)


def test_one_value_has_no_deviation() -> None:
    assert summarize([2.5]).sd == 0.0


def test_no_values_are_an_error() -> None:
    with pytest.raises(LakePlacidError, match="no values"):
        summarize([])


def test_a_ratio_to_nothing_is_an_error() -> None:
    assert ratio(3.0, 2.0) == 1.5
    with pytest.raises(LakePlacidError, match="baseline"):
        ratio(1.0, 0.0)


def test_a_figure_at_its_reach_is_not_missed() -> None:
    assert missed({"configure_ratio": 1.3, "scout_slowdown": 2.01, "dispatch_ns_thesis": 99}) == [
        "scout_slowdown"
    ]


def test_the_object_has_figures_at_its_top_and_details_by_part() -> None:
    parts = [
        Part("one", {"configure_ratio": 1.4}, {"runs": 3}, notes=("a note",)),
        Part("two", {"deopt_ns_depth1": 20.0}, {"depth": 1}),
    ]
    found = to_json(parts)
    assert (found["configure_ratio"], found["deopt_ns_depth1"]) == (1.4, 20.0)
    assert found["missed"] == ["configure_ratio"]
    assert found["reach"] == {"configure_ratio": 1.3}
    assert found["details"] == {"one": {"runs": 3}, "two": {"depth": 1}}
    assert found["notes"] == ["a note"]
    assert overview(parts).row_count == 2
