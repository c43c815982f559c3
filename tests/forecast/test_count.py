# SPDX-License-Identifier: GPL-2.0-only
"""Paths against what stops Elite, without a compiler."""

from __future__ import annotations

from lp_build.forecast.count import Triggers, forecast_place
from lp_build.forecast.model import COLD, Cause, Forecast
from lp_build.forecast.text import lines_of
from lp_build.manifest.classes import Way

A, B = Cause("a.c", 3, "call of a"), Cause("a.c", 9, "call of b")


def way(count: int, *names: str, before: Way | None = None, looped: bool = False) -> Way:
    arms = frozenset(name for name in names if not name.startswith("call"))
    calls = frozenset(name for name in names if name.startswith("call"))
    return Way(arms, calls, count, looped or before is not None, before)


def test_a_request_that_passes_two_stops_counts_once_for_the_one_that_costs_more() -> None:
    triggers = Triggers({"calla": A, "callb": B})
    ways = [way(10, "f", "calla", "callb"), way(5, "f", "callb"), way(2, "f", "calla"), way(83)]
    place = forecast_place("here", ways, triggers)
    assert (place.requests, place.finished, place.begun) == (100, 83, 100)
    assert [(loss.cause, loss.requests) for loss in place.losses] == [(B, 15), (A, 2)]


def test_what_most_but_not_all_come_to_is_a_range() -> None:
    place = forecast_place("here", [way(60, "f"), way(40, "g")], Triggers(likely={"g": A}))
    assert (place.finished, place.at_most) == (60, 100)
    assert not place.losses[0].sure


def test_a_stop_in_the_loop_keeps_the_request_out() -> None:
    outside = Cause("", 0, "outside")
    triggers = Triggers({"callwait": A, "callb": B}, outside=outside)
    ways = [
        way(70, "f", before=way(0, "loop", "callwait")),
        way(20, "f", "callb", before=way(0, "loop")),
        way(6, "f", before=way(0, "loop")),
        way(4, "f"),
    ]
    place = forecast_place("there", ways, triggers)
    assert (place.finished, place.begun) == (6, 26)
    assert [(loss.cause, loss.requests, loss.before) for loss in place.losses] == [
        (A, 70, 70),
        (B, 20, 0),
        (outside, 4, 4),
    ]


def test_without_a_loop_there_what_was_before_is_no_matter() -> None:
    place = forecast_place("there", [way(7, before=way(0, "callwait"))], Triggers({"callwait": A}))
    assert place.finished == 7


def test_turns_that_were_not_traced_are_a_range() -> None:
    place = forecast_place("there", [way(7, looped=True)], Triggers(outside=A))
    assert (place.finished, place.at_most) == (0, 7)


def test_nearly_all_is_not_said_to_be_all() -> None:
    place = forecast_place("here", [way(99_999), way(1, "calla")], Triggers({"calla": A}))
    first, second = lines_of(Forecast((place,)))
    assert first == "forecast: here over 99.9 % of requests finish in Elite"
    assert second == "  1 request stops at a.c:3: call of a"


def test_cold_arms_are_told_in_one_line() -> None:
    arms = {f"f:{n}:true": Cause("a.c", n, COLD, "rare", "raise it") for n in range(1, 6)}
    ways = [way(10 - n, f"f:{n}:true") for n in range(1, 6)]
    _, line = lines_of(Forecast((forecast_place("here", ways, Triggers(arms)),)))
    wanted = "35 requests take a cold arm, at a.c:1 (9), a.c:2 (8), a.c:3 (7) and 2 more"
    assert line == f"  {wanted} (remedy: raise it)"
