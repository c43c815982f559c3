# SPDX-License-Identifier: GPL-2.0-only
"""Forecasts of small programs, by the commands that users type, request by request."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from lp_build.statistics import read_run
from tests.wrapper.support import Project

SOURCE = (Path(__file__).parent / "programs" / "requests.c").read_text("utf-8")
# Words, and how many requests with each; `r1` is too rare for the threshold.
WORDS = {
    "e0": 50, "e1": 30, "o0": 40, "o1": 20, "l0": 25, "l3": 15, "t0": 7, "t1": 5, "s0": 60,
    "s1": 11, "q5": 10, "p0": 80, "p1": 9, "a0": 30, "a1": 8, "j0": 3, "j1": 4, "j2": 90,
    "r0": 300, "r1": 1,
}  # fmt: skip
LOAD = [word for word, count in WORDS.items() for _ in range(count)]


@dataclass(frozen=True)
class Forecast:
    """What a command said of a place: requests lost by line, and those that finish."""

    requests: int
    finished: int
    at_most: int
    lost: dict[int, int]


def read(told: dict[str, Any]) -> dict[str, Forecast]:
    return {
        place["place"]: Forecast(
            place["requests"],
            place["finished"],
            place["at_most"],
            {loss["line"]: loss["requests"] for loss in place["losses"]},
        )
        for place in told["forecast"]["places"]
    }


def stops(place: str) -> dict[int, int]:
    """What the source's comments say: requests that stop, by line."""
    found: dict[int, int] = {}
    for number, line in enumerate(SOURCE.splitlines(), 1):
        match = re.search(rf"/\* (?:both|{place}): (\d+) \*/", line)
        if match:
            found[number] = int(match.group(1))
    return found


@pytest.fixture(scope="module", params=["gcc -O2", "gcc -O0", "clang -O2"])
def project(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = Project(tmp_path_factory.mktemp("forecast"))
    project.write(requests__c=SOURCE, lp__toml='request = "handle"\nthreshold = 0.995\n')
    compiler, level = request.param.split()
    project.wrap_ok(compiler, level, "-o", "requests", "requests.c")
    assert project.run("./requests", *LOAD).status == 0
    return project


@pytest.fixture(scope="module")
def decided(project: Project) -> dict[str, Any]:
    """What lp manifest says."""
    result = project.lp("manifest", "--json")
    assert result.status == 0, result.err
    told: dict[str, Any] = json.loads(result.out)
    return told


def test_in_the_kernel_each_stop_costs_the_requests_that_come_to_it(
    decided: dict[str, Any],
) -> None:
    place = read(decided)["in the kernel"]
    wanted = stops("kernel")
    assert place.lost == {line: count for line, count in wanted.items() if count}
    assert (place.requests, place.finished) == (len(LOAD), len(LOAD) - sum(wanted.values()))


def test_stops_are_told_by_what_they_cost(decided: dict[str, Any]) -> None:
    lost = list(read(decided)["in the kernel"].lost.values())
    assert lost == sorted(lost, reverse=True)


def test_in_one_process_a_cold_arm_costs_its_requests_and_calls_cost_nothing(
    decided: dict[str, Any],
) -> None:
    place = read(decided)["in one process"]
    # What compilers make of a computed goto may be a jump by a table.
    goto = next(n for n, line in enumerate(SOURCE.splitlines(), 1) if "goto *" in line)
    assert {n: count for n, count in place.lost.items() if n != goto} == stops("process")
    assert place.finished == place.at_most == len(LOAD) - sum(place.lost.values())


def test_the_run_in_one_process_is_as_foretold(project: Project, decided: dict[str, Any]) -> None:
    assert project.lp("build", "--quiet").status == 0
    result = project.run("./requests", *LOAD, LP_ELITE="inprocess", LP_STATS="stats.json")
    assert result.status == 0
    stats = read_run(project.root / "stats.json")
    place = read(decided)["in one process"]
    assert (stats.requests, stats.finished) == (place.requests, place.finished)
    at = {deopt.line: deopt.hits for deopt in stats.deopts}
    assert at == place.lost


def test_lp_build_says_the_same_and_makes_no_unit_again(
    project: Project, decided: dict[str, Any]
) -> None:
    result = project.lp("build", "--json")
    assert result.status == 0
    assert json.loads(result.out)["forecast"] == decided["forecast"]
    assert "  requests.c" not in project.lp("build").out.splitlines()


def test_a_manifest_that_was_edited_since_is_not_forecast_by_what_was_built_before(
    project: Project, decided: dict[str, Any]
) -> None:
    assert decided["forecast"]["places"]
    manifest = project.root / "lp-manifest.toml"
    text = manifest.read_text("utf-8")
    manifest.write_text(text.replace("threshold = 0.995", "threshold = 0.996"), "utf-8")
    try:
        result = project.lp("report", "--json")
        assert "lp build" in json.loads(result.out)["forecast"]["unknown"]
    finally:
        manifest.write_text(text, "utf-8")


def test_what_runs_in_the_kernels_loop_is_told_by_what_comes_before(tmp_path: Path) -> None:
    """select-server's loop waits by a call that has no kernel form."""
    source = """
    #include <stdlib.h>
    int sum;
    __attribute__((noinline)) int handle(int x) { sum += x; return sum; }
    int main(int argc, char **argv)
    {
        for (int i = 1; i < argc; i++) {
            if (argv[i][0] == 'b')
                sum += getenv("BEFORE") != NULL;
            handle(argv[i][1]);
            if (argv[i][0] == 'a')
                sum += getenv("AFTER") != NULL;
        }
        return 0;
    }
    """
    project = Project(tmp_path)
    project.write(server__c=source, lp__toml='request = "handle"\nloop = "main"\n')
    project.wrap_ok("gcc", "-O2", "-o", "server", "server.c")
    project.run("./server", *["a1"] * 60, *["b1"] * 40)
    result = project.lp("manifest", "--json")
    kernel = json.loads(result.out)["forecast"]["places"][1]
    assert (kernel["finished"], kernel["begun"]) == (60, 60)
    (loss,) = kernel["losses"]
    assert (loss["what"], loss["requests"], loss["before"]) == ("call of getenv", 40, 40)


def test_few_requests_are_doubted(tmp_path: Path) -> None:
    project = Project(tmp_path)
    project.write(requests__c=SOURCE, lp__toml='request = "handle"\n')
    project.wrap_ok("gcc", "-O1", "-o", "requests", "requests.c")
    project.run("./requests", "e0", "e1")
    result = project.lp("manifest")
    assert "scouting saw only 2 requests" in result.out


def test_without_a_captured_link_it_says_that_the_forecast_is_not_known(tmp_path: Path) -> None:
    project = Project(tmp_path)
    project.write(requests__c=SOURCE, lp__toml='request = "handle"\n')
    project.wrap_ok("gcc", "-O1", "-o", "requests", "requests.c")
    project.run("./requests", *LOAD)
    (project.root / ".lp" / "steps.jsonl").unlink()
    result = project.lp("manifest")
    assert result.status == 0
    assert "forecast: not known: " in result.out
