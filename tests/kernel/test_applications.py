"""Whole servers with their Elite code in the kernel: the same answers as the plain build, over real
sockets, with and without forced deopts; the usual requests finish in Elite."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from lp_build import demo
from lp_build.demo_load import run_load
from lp_build.demo_server import start
from lp_build.module.build import Modules, build_modules, find_headers
from lp_build.resources import resource_dir
from lp_build.steps import run_step, tool
from lp_build.vm.errors import GuestFailure
from lp_build.vm.guest import GuestCommand, run_guest
from lp_build.vm.kernels import SERIES, cache_folder
from tests.kernel.applications_in_guest import answers
from tests.samples.http_client import exchange

pytestmark = pytest.mark.needs_qemu

ROOT = Path(__file__).resolve().parents[2]
STRICT = "slab_nomerge slub_debug=FZPU page_poison=1"
CONFIGURATIONS = {"6.1": f"{STRICT} preempt=full", "6.12": f"{STRICT} preempt=full pti=on"}
AMOUNTS = {"udp_kv": 1500, "udp_kv get": 1500, "http_events": 40, "http_events get": 40}
FORCED = ("all", "nth:3", "random:1:0.05")


@dataclass(frozen=True)
class Program:
    """A sample, plain and specialised, ordinary and to force deopts in."""

    plain: Path
    elite: Path
    stress: Path


@pytest.fixture(scope="session")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where everything is built."""
    return tmp_path_factory.mktemp("applications")


@cache
def program(workshop: Path, name: str) -> Program:
    """Build, scout and specialise with the commands that users type."""
    environment = demo.clean_environment()
    for copy in (workshop / "plain" / name, workshop / name):
        shutil.copytree(resource_dir("sample_projects") / name, copy)
    subprocess.run(["make", "-s"], cwd=workshop / "plain" / name, check=True, env=environment)
    folder = workshop / name
    run_step([tool("lp-wrap"), "make"], folder, environment)
    with start(folder / name, environment) as server:
        if name == "udp_kv":
            run_load(server.port, 5000)
        else:
            exchange(server.port, 100, odd=0.02)
    run_step([tool("lp"), "manifest"], folder, environment)
    run_step([tool("lp"), "build", "--output", "elite"], folder, environment)
    run_step([tool("lp"), "build", "--stress", "--output", "stress"], folder, environment)
    return Program(
        workshop / "plain" / name / name, folder / "elite" / name, folder / "stress" / name
    )


@cache
def modules(workshop: Path, name: str, series: str, stress: bool) -> Modules:
    """The driver and the program's module."""
    built = program(workshop, name)
    headers = find_headers(series, cache_folder(os.environ))
    target = workshop / ("stress" if stress else "elite") / name
    return build_modules(built.stress if stress else built.elite, headers, target)


@cache
def expected(workshop: Path, kind: str) -> Any:
    """What the plain build answers."""
    with start(program(workshop, kind.split()[0]).plain, demo.clean_environment()) as server:
        return answers(kind, server.port, AMOUNTS[kind])


def jobs(workshop: Path, series: str) -> list[dict[str, Any]]:
    """What a guest is to do."""
    rows = []
    for kind, amount in AMOUNTS.items():
        name = kind.split()[0]
        row = {"kind": kind, "amount": amount, "program": str(program(workshop, name).elite)}
        module = str(modules(workshop, name, series, False).application)
        rows.append({**row, "name": kind, "module": module})
    for name in ("udp_kv", "http_events"):
        for force in FORCED:
            rows.append(
                {
                    "name": f"{name} {force}",
                    "kind": name,
                    "amount": AMOUNTS[name],
                    "program": str(program(workshop, name).stress),
                    "module": str(modules(workshop, name, series, True).application),
                    "environment": {"LP_FORCE_DEOPT": force},
                }
            )
    return rows


@cache
def outcomes(workshop: Path, series: str) -> tuple[dict[str, dict[str, Any]], str]:
    """By name, what each job told; and why the guest did not live to the end."""
    plan = workshop / f"{series}.json"
    driver = str(modules(workshop, "udp_kv", series, False).driver)
    plan.write_text(json.dumps({"driver": driver, "jobs": jobs(workshop, series)}), "utf-8")
    command = GuestCommand(
        argv=[sys.executable, "-m", "tests.kernel.applications_in_guest", str(plan)],
        kernel=series,
        append=CONFIGURATIONS[series],
        timeout=600,
        cwd=workshop,
    )
    failure = ""
    try:
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        result = run_guest(command, cache_folder(os.environ), environment)
        output = result.stdout
        if result.status:
            failure = result.stderr.decode(errors="replace")
    except GuestFailure as error:
        output = error.stdout
        failure = f"{error}\n{error.tail()}"
    told = [json.loads(line) for line in output.splitlines()]
    return {row["name"]: row for row in told}, failure


@dataclass(frozen=True)
class Told:
    """One job's outcome."""

    answers: Any
    stats: dict[str, Any]
    status: dict[str, Any]


def outcome(workshop: Path, series: str, name: str) -> Told:
    """What the job told. Fails the test with the guest's last words if it did not come to it."""
    rows, failure = outcomes(workshop, series)
    assert name in rows, failure
    return Told(rows[name]["answers"], rows[name]["stats"], rows[name]["status"])


@pytest.mark.parametrize("name", ["udp_kv", "http_events"])
@pytest.mark.parametrize("series", SERIES)
def test_server_answers_as_the_plain_build(workshop: Path, series: str, name: str) -> None:
    told = outcome(workshop, series, name)
    assert told.answers == expected(workshop, name)
    assert told.stats["elite"] == "kernel"
    assert 0 < told.stats["finished_in_elite"] < told.stats["requests"]


@pytest.mark.parametrize("series", SERIES)
def test_gets_finish_in_elite(workshop: Path, series: str) -> None:
    """By the driver's own counters too: few ways back to user space for many requests."""
    told = outcome(workshop, series, "udp_kv get")
    assert told.answers == expected(workshop, "udp_kv get")
    sent = int(told.answers["requests"])
    assert told.stats["finished_in_elite"] >= 0.99 * (sent - 600)  # but for what sets the keys
    (application,) = told.status["applications"]
    assert application["deopts"] < 0.5 * sent


@pytest.mark.parametrize("force", FORCED)
@pytest.mark.parametrize("name", ["udp_kv", "http_events"])
@pytest.mark.parametrize("series", SERIES)
def test_forced_deopts_change_no_answer(workshop: Path, series: str, name: str, force: str) -> None:
    told = outcome(workshop, series, f"{name} {force}")
    assert told.answers == expected(workshop, name)
    assert told.stats["deopts"]["total"] > 0


@pytest.mark.parametrize("series", SERIES)
def test_modules_can_be_unloaded(workshop: Path, series: str) -> None:
    rows, failure = outcomes(workshop, series)
    assert "unloaded" in rows, failure
