# SPDX-License-Identifier: GPL-2.0-only
"""Seconds of commands, and what they are compared by."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from lp_build.bench.compiling import in_turns
from lp_build.bench.timing import Comparison, Machine, Seconds, Series, parse_machine, timed
from lp_build.errors import LakePlacidError

STAT = """cpu  1000 10 500 9000 200 5 15 20 300 0
cpu0 500 5 250 4500 100 2 7 10 150 0
cpu1 500 5 250 4500 100 3 8 10 150 0
intr 1
"""


def series(*walls: float, cpu: float = 1.0) -> Series:
    return Series(tuple(Seconds(wall, cpu) for wall in walls))


def test_processor_time_is_that_of_grandchildren_too(tmp_path: Path) -> None:
    busy = "import time\nwhile time.process_time() < 0.2: pass"
    found = timed(["sh", "-c", f"'{sys.executable}' -c '{busy}'; true"], tmp_path, os.environ)
    assert found.cpu >= 0.2
    assert found.wall >= found.cpu * 0.5


def test_a_failed_command_says_its_last_words(tmp_path: Path) -> None:
    with pytest.raises(LakePlacidError, match="status 3:\n  no such luck"):
        timed(["sh", "-c", "echo no such luck; exit 3"], tmp_path, os.environ)


def test_busy_time_is_all_but_idle_and_waiting() -> None:
    hertz = os.sysconf("SC_CLK_TCK")
    assert parse_machine(STAT, 5.0) == Machine(5.0, 1550 / hertz, 2)


def test_others_share_is_what_we_did_not_use() -> None:
    before, after = Machine(0.0, 100.0, 2), Machine(10.0, 112.0, 2)
    assert after.others_share(before, 8.0) == pytest.approx(0.2)
    assert after.others_share(before, 13.0) == 0.0


def test_ratios_are_of_medians_by_the_clock_on_a_quiet_machine() -> None:
    found = Comparison({"a": series(1, 2, 9), "b": series(4, 4, 50, cpu=3.0)}, others=0.02)
    assert (found.by, found.ratio("b", "a")) == ("wall", 2.0)


def test_ratios_are_of_processor_time_on_a_busy_machine() -> None:
    found = Comparison({"a": series(1, 2, 9), "b": series(4, 4, 50, cpu=3.0)}, others=0.5)
    assert (found.by, found.ratio("b", "a")) == ("cpu", 3.0)
    assert found.to_json("a")["b"]["wall_ratio"] == 2.0


def test_runs_take_turns() -> None:
    order: list[str] = []

    def run(name: str) -> Seconds:
        order.append(name)
        return Seconds(1.0, 1.0)

    found = in_turns({"a": lambda: run("a"), "b": lambda: run("b")}, 2, lambda text: None)
    assert order == ["a", "b", "a", "b"]
    assert len(found.series["b"].runs) == 2
