# SPDX-License-Identifier: GPL-2.0-only
"""nginx, really: fetched, built, scouted, specialised, and run. The whole of it, with all tests of
the suite in all variants, is `make nginx`."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nginx_build
import nginx_server
import nginx_suite
import pytest
from nginx_load import run_load

from lp_build.cache import cache_folder
from lp_build.demo.command import clean_environment
from lp_build.kernel_module.build import find_headers
from lp_build.kernels.versions import DEFAULT
from lp_build.layout import BuildDir
from lp_build.manifest.classes import merge_traces
from lp_build.manifest.traces import read_traces
from lp_build.statistics import read_run
from lp_build.store.capture import load_sites, load_units
from lp_build.trials.variants import run_plan, stress_plan
from tests.forecast.support import TOLERANCE, Foretold, foretold

GET_SHARE = 0.99
# Quick ones: of files, of what leaves the hot path, and of processes that come and go.
TESTS = [
    "files", "head", "not_found", "pipelined", "byte_by_byte", "slow_reader", "ranges",
    "post_to_file", "bodies", "bad_requests", "regular_expressions", "proxied",
    "reload", "logs_are_opened_again", "worker_crashes", "graceful_quit",
]  # fmt: skip

GUEST_TESTS = [
    "files", "not_found", "pipelined", "post_to_file", "regular_expressions", "reload",
    "worker_crashes",
]  # fmt: skip
FORCED = ("all", "random:1:0.01")

pytestmark = pytest.mark.needs_network


@dataclass(frozen=True)
class Built:
    """The scouting server and the stress build, what that answered, and what is foretold of it."""

    scouted: Path
    stress: Path
    expected: dict[str, nginx_suite.TestResult]
    foretold: dict[str, Foretold]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """One tree, built as the recipe does it."""
    folder = tmp_path_factory.mktemp("nginx")
    tree = nginx_build.prepare(folder / "tree", cache_folder(os.environ))
    nginx_build.build_scouted(tree)
    build = BuildDir(tree.root)
    # What is missing from scouting would be left at each call.
    assert [u.source for u in load_units(build) if load_sites(build, u) is None] == []
    with (
        nginx_server.new_site() as site,
        nginx_server.serve(tree.built, site, clean_environment()) as server,
    ):
        for connections in (1, 8):
            run_load(server.port, 4000, connections=connections)
    tree.manifest("--no-forecast")
    seen = merge_traces(read_traces([tree.traces]), None)
    assert seen.requests() >= 8000, seen.warnings
    # A stress build does all that the other does, and has forced deopts besides.
    stress = tree.specialize(stress=True)
    expected, _ = nginx_suite.run_suite(stress, clean_environment(), TESTS)
    told = foretold(tree.root, "--stress", "--output", str(tree.root / "stress"))
    return Built(tree.built, stress, expected, told)


def test_all_is_right_with_elite_off(built: Built) -> None:
    assert {name: result.error for name, result in built.expected.items()} == dict.fromkeys(
        TESTS, ""
    )


def test_gets_of_files_finish_in_elite(built: Built) -> None:
    with nginx_server.new_site() as site:
        settings = {"LP_ELITE": "inprocess", "LP_STATS": str(site.statistics / "%p.json")}
        with nginx_server.serve(built.stress, site, {**clean_environment(), **settings}) as server:
            load = run_load(server.port, 10000, seed=2)
            worker = server.worker()
        found = read_run(site.statistics / f"{worker}.json")
    assert load.sent == 10000
    assert found.requests >= 10000
    assert found.finished >= GET_SHARE * found.requests, found.deopts
    share = found.finished / found.requests
    assert share == pytest.approx(built.foretold["inprocess"].finished, abs=TOLERANCE)


@pytest.mark.parametrize("force", ["", "all", "random:1:0.01"])
def test_elite_and_forced_deopts_change_no_byte(built: Built, force: str) -> None:
    settings = {"LP_ELITE": "inprocess", **({"LP_FORCE_DEOPT": force} if force else {})}
    results, _ = nginx_suite.run_suite(built.stress, {**clean_environment(), **settings}, TESTS)
    assert [(one, other) for one, other in nginx_suite.differences(built.expected, results)] == []


@pytest.fixture(scope="module")
def in_the_kernel(built: Built, tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    """GETs, and some tests of the suite, with Elite in the kernel of a guest."""
    folder = tmp_path_factory.mktemp("guest")
    cache = cache_folder(os.environ)
    plan = stress_plan(built.stress, FORCED, find_headers(DEFAULT, cache), folder / "modules")
    script = Path(nginx_build.__file__).with_name("nginx_guest.py")
    return run_plan(
        script,
        plan,
        {"gets": 1500, "tests": GUEST_TESTS},
        kernel=DEFAULT,
        folder=folder,
        timeout=900,
        show=sys.stderr.write,
    )


@pytest.mark.needs_qemu
def test_gets_of_files_finish_in_elite_in_the_kernel(
    built: Built, in_the_kernel: list[Any]
) -> None:
    """By the driver's own counters too: few ways back to user space. Those between requests are
    among them: how often the tree of timers is turned depends on how fast the guest is."""
    gets = in_the_kernel[0]
    share = gets["finished"] / gets["requests"]
    assert share == pytest.approx(built.foretold["kernel"].of_begun, abs=TOLERANCE), gets["places"]
    assert gets["requests"] > 0.5 * gets["sent"] == 750
    assert gets["finished"] >= GET_SHARE * gets["requests"], gets["places"]
    assert gets["deopts"] < 0.25 * gets["sent"], gets["places"]


@pytest.mark.needs_qemu
@pytest.mark.parametrize("row", range(1, 2 + len(FORCED)))
def test_elite_in_the_kernel_changes_no_byte(in_the_kernel: list[Any], row: int) -> None:
    plain, told = (
        {name: nginx_suite.TestResult(**one) for name, one in each["results"].items()}
        for each in (in_the_kernel[1], in_the_kernel[1 + row])
    )
    assert nginx_suite.differences(plain, told) == []
    assert set(plain) == set(GUEST_TESTS)
    assert not any(result.error for result in plain.values())
