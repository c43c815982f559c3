# SPDX-License-Identifier: GPL-2.0-only
"""http_events: connections, epoll, and function pointers set at start, specialised."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from lp_build.demo import command as demo
from lp_build.demo.server import start
from lp_build.resources import resource_dir
from lp_build.statistics import Run, read_run
from lp_build.steps import run_step, tool
from tests.forecast.support import TOLERANCE, Foretold, foretold
from tests.samples.http_client import exchange

PROGRAM = "http_events"
CONNECTIONS = 60


@dataclass(frozen=True)
class Built:
    """The program as each phase makes it, and what the plain one answers."""

    plain: Path
    specialised: Path
    stress: Path
    answers: tuple[bytes, ...]
    foretold: Foretold


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """By the commands that users type."""
    environment = demo.clean_environment()
    base = tmp_path_factory.mktemp("http")
    for name in ("plain", PROGRAM):
        shutil.copytree(resource_dir("sample_projects") / PROGRAM, base / name)
    flags = "CFLAGS=-O2 -g -std=gnu11 -Wall -Wextra -Werror"
    subprocess.run(["make", "-s", flags], cwd=base / "plain", check=True, env=environment)
    folder = base / PROGRAM
    run_step([tool("lp-wrap"), "make"], folder, environment)
    with start(folder / PROGRAM, environment) as server:
        exchange(server.port, 100, odd=0.02)
    run_step([tool("lp"), "manifest"], folder, environment)
    run_step([tool("lp"), "build", "--output", "elite"], folder, environment)
    run_step([tool("lp"), "build", "--stress", "--output", "stress"], folder, environment)
    with start(base / "plain" / PROGRAM, environment) as server:
        answers = exchange(server.port, CONNECTIONS).replies
    return Built(
        base / "plain" / PROGRAM,
        folder / "elite" / PROGRAM,
        folder / "stress" / PROGRAM,
        answers,
        foretold(folder, "--output", "elite")["inprocess"],
    )


def answers_of(program: Path, folder: Path, **settings: str) -> tuple[tuple[bytes, ...], Run]:
    """What the program answers, and its statistics."""
    path = folder / "stats.json"
    environment = {**demo.clean_environment(), "LP_STATS": str(path), **settings}
    with start(program, environment) as server:
        replies = exchange(server.port, CONNECTIONS).replies
    return replies, read_run(path)


def test_requests_are_counted_in_order(built: Built) -> None:
    """The client's own check, without which equal answers would say little."""
    bodies = re.findall(rb"\r\n\r\n(\d+)\n", b"".join(built.answers))
    counts = list(map(int, bodies))
    assert len(counts) > 5
    assert counts == sorted(counts)


def test_specialised_program_answers_the_same(built: Built, tmp_path: Path) -> None:
    replies, statistics = answers_of(built.specialised, tmp_path, LP_ELITE="inprocess")
    assert replies == built.answers
    assert 0 < statistics.finished < statistics.requests


def test_the_scouted_load_finishes_as_foretold(built: Built, tmp_path: Path) -> None:
    path = tmp_path / "stats.json"
    environment = {**demo.clean_environment(), "LP_STATS": str(path), "LP_ELITE": "inprocess"}
    with start(built.specialised, environment) as server:
        exchange(server.port, 100, odd=0.02)
    statistics = read_run(path)
    share = statistics.finished / statistics.requests
    assert share == pytest.approx(built.foretold.finished, abs=TOLERANCE)


def test_usual_requests_finish_in_elite(built: Built, tmp_path: Path) -> None:
    path = tmp_path / "stats.json"
    environment = {**demo.clean_environment(), "LP_STATS": str(path), "LP_ELITE": "inprocess"}
    with start(built.specialised, environment) as server:
        exchange(server.port, 50, odd=0)
    statistics = read_run(path)
    # Of each connection two are counted: its request, which may be one if it comes in several
    # pieces, and its end, which is one.
    assert statistics.finished >= 0.9 * 50


@pytest.mark.parametrize("force", ["all", "nth:3", "random:1:0.05", "random:2:0.3"])
def test_forced_deopts_change_no_answer(built: Built, force: str, tmp_path: Path) -> None:
    settings = {"LP_ELITE": "inprocess", "LP_FORCE_DEOPT": force}
    replies, statistics = answers_of(built.stress, tmp_path, **settings)
    assert replies == built.answers
    assert statistics.deopts
