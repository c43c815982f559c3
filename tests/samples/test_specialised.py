# SPDX-License-Identifier: GPL-2.0-only
"""udp_kv, specialised: whatever leaves Elite, and wherever, no reply and no counter changes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from lp_build.demo import command as demo
from lp_build.demo.load import Mix, run_load
from lp_build.demo.server import start
from lp_build.resources import resource_dir
from lp_build.statistics import Run, read_run
from lp_build.steps import run_step, tool
from tests.forecast.support import TOLERANCE, foretold

PROGRAM = "udp_kv"
# Every kind of request often enough to matter.
EVEN_MIX = Mix(hit=4, miss=1, set=1, delete=1, incr=1, stats=0.1, broken=1)


@dataclass(frozen=True)
class Built:
    """The program as each phase makes it."""

    scouted: Path
    specialised: Path
    stress: Path


def build(folder: Path, environment: dict[str, str]) -> Built:
    """Build, scout under a mixed load, and specialise, with the commands that users type."""
    shutil.copytree(resource_dir("sample_projects") / PROGRAM, folder)
    run_step([tool("lp-wrap"), "make"], folder, environment)
    with start(folder / PROGRAM, environment) as server:
        run_load(server.port, 5000)
    run_step([tool("lp"), "manifest"], folder, environment)
    run_step([tool("lp"), "build", "--output", "elite"], folder, environment)
    run_step([tool("lp"), "build", "--stress", "--output", "stress"], folder, environment)
    return Built(*(folder / where / PROGRAM for where in ("", "elite", "stress")))


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """By gcc."""
    return build(tmp_path_factory.mktemp("gcc") / PROGRAM, demo.clean_environment())


@pytest.fixture(scope="module")
def built_by_clang(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """By clang."""
    environment = {**demo.clean_environment(), "LP_CC": "clang"}
    return build(tmp_path_factory.mktemp("clang") / PROGRAM, environment)


def loaded(program: Path, folder: Path, **settings: str) -> Run:
    """Run a load of all kinds of request; check every reply and the server's counters."""
    path = folder / "stats.json"
    environment = {**demo.clean_environment(), "LP_STATS": str(path), **settings}
    with start(program, environment) as server:
        result = run_load(server.port, 3000, mix=EVEN_MIX, seed=3)
    assert result.server == result.expected
    assert result.server["requests"] == result.sent
    statistics = read_run(path)
    if settings.get("LP_ELITE") == "inprocess":
        assert statistics.requests == result.sent
    return statistics


def test_the_scouted_load_finishes_as_foretold(built: Built, tmp_path: Path) -> None:
    path = tmp_path / "stats.json"
    environment = {**demo.clean_environment(), "LP_STATS": str(path), "LP_ELITE": "inprocess"}
    with start(built.specialised, environment) as server:
        run_load(server.port, 5000, seed=2)
    statistics = read_run(path)
    told = foretold(built.scouted.parent, "--output", "elite")["inprocess"]
    share = statistics.finished / statistics.requests
    assert share == pytest.approx(told.finished, abs=TOLERANCE)


def test_specialised_program_without_elite_is_the_application(built: Built, tmp_path: Path) -> None:
    statistics = loaded(built.specialised, tmp_path)
    assert (statistics.requests, statistics.finished) == (0, 0)


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_requests_that_leave_elite_are_answered_as_if_they_had_not(
    compiler: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    fixture = "built" if compiler == "gcc" else "built_by_clang"
    program: Built = request.getfixturevalue(fixture)
    statistics = loaded(program.specialised, tmp_path, LP_ELITE="inprocess")
    assert 0 < statistics.finished < statistics.requests


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
@pytest.mark.parametrize(
    "force", ["all", "nth:7", "random:1:0.05", "random:2:0.05", "random:3:0.5"]
)
def test_forced_deopts_change_nothing(
    force: str, compiler: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    fixture = "built" if compiler == "gcc" else "built_by_clang"
    program: Built = request.getfixturevalue(fixture)
    statistics = loaded(program.stress, tmp_path, LP_ELITE="inprocess", LP_FORCE_DEOPT=force)
    assert statistics.deopts
    if force == "all":
        assert statistics.finished == 0


def test_each_site_can_be_forced_by_name(built: Built, tmp_path: Path) -> None:
    random = loaded(built.stress, tmp_path, LP_ELITE="inprocess", LP_FORCE_DEOPT="random:1:0.05")
    for deopt in random.deopts:
        loaded(built.stress, tmp_path, LP_ELITE="inprocess", LP_FORCE_DEOPT=f"site:{deopt.name}")


def test_ordinary_build_refuses_to_force_deopts(built: Built) -> None:
    done = subprocess.run(
        [built.specialised, "-p", "0"],
        env={**os.environ, "LP_ELITE": "inprocess", "LP_FORCE_DEOPT": "all"},
        capture_output=True,
        text=True,
        check=False,
        timeout=20,
    )
    assert done.returncode != 0
    assert "--stress" in done.stderr


def test_scouting_program_behaves_as_the_plain_one(built: Built, tmp_path: Path) -> None:
    traces = tmp_path / "traces"
    traces.mkdir()
    environment = {**demo.clean_environment(), "LP_TRACE_DIR": str(traces)}
    with start(built.scouted, environment) as server:
        result = run_load(server.port, 3000, mix=EVEN_MIX, seed=3)
    assert result.server == result.expected
    assert list(traces.iterdir())


def test_statistics_go_to_standard_output_on_request(built: Built) -> None:
    environment = {**demo.clean_environment(), "LP_ELITE": "inprocess", "LP_STATS": "-"}
    with start(built.specialised, environment) as server:
        run_load(server.port, 10)
        server.process.terminate()
        server.process.wait(20)
        assert server.process.stdout is not None
        data = json.loads(server.process.stdout.read())
    assert data["requests"] == 511
