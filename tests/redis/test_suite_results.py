# SPDX-License-Identifier: GPL-2.0-only
"""What the recipe makes of runtest's output, and how it compares two runs of redis's tests."""

from __future__ import annotations

import pytest
import redis_suite as suite

from lp_build.errors import LakePlacidError

GOOD = """\x1b[1;37;49mTesting unit/quit\x1b[0m
[\x1b[0;32;49mok\x1b[0m]: QUIT returns OK (1 ms)
[\x1b[0;36;49mignore\x1b[0m]: Tag: slow denied
[\x1b[0;32;49mok\x1b[0m]: Pipelined commands (22 ms)

                   The End

\x1b[1;37;49m\\o/\x1b[0m \x1b[1;32;49mAll tests passed without errors!\x1b[0m
"""


def test_each_test_is_named_without_colours_and_times() -> None:
    result = suite.parse("unit/quit", GOOD, 0)
    assert result.tests == (
        ("QUIT returns OK", "ok"), ("Tag: slow denied", "ignore"), ("Pipelined commands", "ok"),
    )  # fmt: skip
    assert result.good


def test_failed_test_makes_the_unit_fail() -> None:
    output = "[err]: QUIT returns OK in tests/unit/quit.tcl\nExpected 1\n\n   The End\n"
    result = suite.parse("unit/quit", output, 1)
    assert result.tests == (("QUIT returns OK", "err"),)
    assert not result.good
    assert "Expected 1" in result.note


def test_run_that_breaks_off_is_not_good() -> None:
    assert not suite.parse("unit/quit", "[ok]: QUIT returns OK (1 ms)\n", 1).good


def test_differences_name_test_and_outcomes() -> None:
    plain = {"a": suite.UnitResult("a", (("one", "ok"), ("two", "ok"), ("two", "ok")), True)}
    other = {"a": suite.UnitResult("a", (("one", "ok"), ("two", "ok"), ("two", "err")), True)}
    assert suite.differences(plain, plain) == []
    assert suite.differences(plain, other) == [("a: two", "ok, ok", "ok, err")]


def test_runs_of_other_units_are_not_compared() -> None:
    with pytest.raises(LakePlacidError, match="not the same units"):
        suite.differences({"a": suite.UnitResult("a", (), True)}, {})
