# SPDX-License-Identifier: GPL-2.0-only
"""redis, really: fetched, built, scouted, specialised, and run. The whole of it, with its own
tests in all variants, is `make redis`.

Building it takes a minute of processor time for each of its variants, so this is among the long
tests; how its results are read is not.
"""

from __future__ import annotations

import os
import sys
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import redis_build
import redis_suite
from redis_load import run_load, transcript
from redis_server import serve

from lp_build.cache import cache_folder
from lp_build.demo.command import clean_environment
from lp_build.kernel_module.build import find_headers
from lp_build.kernels.versions import DEFAULT
from lp_build.statistics import read_run
from lp_build.trials.variants import GuestTests, run_plan, stress_plan
from tests.forecast.support import TOLERANCE, Foretold, foretold

SHARE = 0.99
FORCED = ("all", "random:1:0.01")
UNITS = ["unit/type/incr", "unit/protocol", "unit/quit"]

pytestmark = [pytest.mark.needs_network, pytest.mark.slow]


@dataclass(frozen=True)
class Built:
    """The tree, its stress build, what that answered to the course, and what is foretold of it."""

    tree: redis_build.RedisTree
    stress: Path
    expected: str
    foretold: dict[str, Foretold]


def course(program: Path, **settings: str) -> str:
    with tempfile.TemporaryDirectory() as folder:
        return transcript(program, {**clean_environment(), **settings}, Path(folder))


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """One tree, built as the recipe does it."""
    folder = tmp_path_factory.mktemp("redis")
    tree = redis_build.prepare(folder / "tree", cache_folder(os.environ))
    redis_build.build_scouted(tree)
    with serve(tree.built, clean_environment()) as server:
        for connections in (1, 3, 8):
            run_load(server.port, 8000, connections=connections)
    tree.manifest("--no-forecast")
    # A stress build does all that the other does, and has forced deopts besides.
    stress = tree.specialize(stress=True)
    told = foretold(tree.root, "--stress", "--output", str(tree.root / "stress"))
    return Built(tree, stress, course(stress), told)


def test_gets_and_sets_finish_in_elite(built: Built, tmp_path: Path) -> None:
    path = tmp_path / "stats.json"
    settings = {"LP_ELITE": "inprocess", "LP_STATS": str(path)}
    with serve(built.stress, {**clean_environment(), **settings}) as server:
        sent = run_load(server.port, 20000, seed=2)
    found = read_run(path)
    assert found.requests >= sent
    assert found.finished >= SHARE * found.requests, found.deopts
    share = found.finished / found.requests
    assert share == pytest.approx(built.foretold["inprocess"].finished, abs=TOLERANCE)


def test_scouting_changes_no_answer(built: Built, tmp_path: Path) -> None:
    assert course(built.tree.built, LP_TRACE_DIR=str(tmp_path)) == built.expected


@pytest.mark.parametrize("force", ["", "all", "random:1:0.01"])
def test_elite_and_forced_deopts_change_no_answer_and_no_dump(built: Built, force: str) -> None:
    forced = {"LP_FORCE_DEOPT": force} if force else {}
    assert course(built.stress, LP_ELITE="inprocess", **forced) == built.expected


def test_rediss_own_tests_pass(built: Built, tmp_path: Path) -> None:
    folder = redis_suite.bench_folder(tmp_path / "bench", built.tree.redis, built.stress)
    settings = {"LP_ELITE": "inprocess", "LP_FORCE_DEOPT": "all"}
    # Its other programs are the scouting ones here.
    settings["LP_TRACE_DIR"] = str(tmp_path)
    results = redis_suite.run_suite(folder, UNITS, {**clean_environment(), **settings})
    assert [result.note for result in results.values() if not result.good] == []


@pytest.mark.needs_qemu
def test_in_the_kernel_answers_are_the_same_and_gets_and_sets_finish(
    built: Built, tmp_path: Path
) -> None:
    cache = cache_folder(os.environ)
    plan = stress_plan(built.stress, FORCED, find_headers(DEFAULT, cache), tmp_path / "modules")
    # redis-cli and redis-benchmark are the scouting ones here.
    traced = [
        replace(one, environment={**one.environment, "LP_TRACE_DIR": "/tmp"})
        for one in plan.variants
    ]
    plan = replace(plan, variants=traced)
    load, courses, *told = run_plan(
        Path(redis_build.__file__).with_name("redis_guest.py"),
        plan,
        {"load": 1500, "sources": str(built.tree.redis), "units": UNITS, "seconds": 1500},
        kernel=DEFAULT,
        folder=tmp_path,
        timeout=1800,
        show=sys.stderr.write,
    )
    assert load["finished"] >= 0.98 * load["requests"] > 750, load["places"]
    share = load["finished"] / load["requests"]
    assert share == pytest.approx(built.foretold["kernel"].of_begun, abs=TOLERANCE)
    assert set(courses.values()) == {courses["plain"]}
    tests = GuestTests.read(plan, UNITS, told)
    assert (tests.failed, tests.left) == ({}, ())
    outcomes = [
        [found[unit]["tests"] for unit in UNITS]
        for found in (tests.found[name] for name in courses)
    ]
    assert outcomes == [outcomes[0]] * len(plan.variants)
