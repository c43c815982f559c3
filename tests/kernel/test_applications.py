# SPDX-License-Identifier: GPL-2.0-only
"""Whole servers with their Elite code in the kernel: the same answers as the plain build, over real
sockets, with and without forced deopts; the usual requests finish in Elite.

One guest a kernel runs everything. Where deopts are forced is the program's and not the kernel's:
`make test` forces them on the first kernel, `make test-long` on the others (in a guest more)."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from lp_build.cache import cache_folder
from lp_build.demo import command as demo
from lp_build.demo.load import run_load
from lp_build.demo.server import start
from lp_build.kernel_module.build import Modules, build_modules, find_headers
from lp_build.kernels.versions import DEFAULT, SERIES, version_of
from lp_build.resources import resource_dir
from lp_build.steps import run_step, tool
from lp_build.vm.errors import GuestFailure
from lp_build.vm.guest import GuestCommand, run_guest
from tests.forecast.support import TOLERANCE, foretold
from tests.kernel.applications_in_guest import ECHOES, answers, echo, run_script
from tests.samples.http_client import exchange

pytestmark = pytest.mark.needs_qemu

ROOT = Path(__file__).resolve().parents[2]
AMOUNTS = {"udp_kv": 1500, "udp_kv get": 1500, "http_events": 40, "http_events get": 40}
# Loads like those that each server was scouted with.
SCOUTED = {
    "udp_kv scouted": 1500, "http_events scouted": 60, "difftime": 1000, "select_server": 1000,
}  # fmt: skip
FORCED = ("all", "nth:3", "random:1:0.05")
SELDOM = "random:1:0.0005"  # of the sites that a request passes, so that some requests leave
FORCED_IN_QUEUE = (*FORCED, SELDOM)
# What the faulty program is scouted with, and what then goes wrong.
USUAL = "r cell\nw cell\nd 2\nj function\nl 1000\ns 100\nc cell\nt 0\np file\n"
# A hundred of each kind of library call.
CALLS = "".join(f"{kind} 100 {first}\n" for first, kind in enumerate("msnlhfoct"))
# In threads, children, as another user …: what, how many, and requests of each.
BODIES = {
    "threads": "threads 4 100\nthreads 2 50\n",
    "children": "here 1 20\nchildren 4 50\nhere 1 20\nchildren 2 20\n",
    "another program": "here 1 20\nshell 10 20\nhere 1 20\n",
    "the program that it becomes": "here 1 20\nbecome 1 30\nhere 1 20\n",
    "another user": "here 1 20\nnobody 1 40\n",
    "another user from the start": "nobody 1 40\nhere 1 20\n",
    "no child of its own": "childless 4 50\n",
    "the one who reaps": "reaper 4 50\n",
    "files that are closed": "closed 1 50\nclosed 1 50\n",
    "files that are closed, and root given up": "shut 1 50\n",
    "files that a child keeps": "childs 1 50\nchilds 1 50\n",
    "signals": "ticking 1 200\n",
    "memory that comes and goes": "disturbed 1 1000\n",
}
# Numbers of four characters, and of each seventh, that are rare.
NUMBERS = [f"{number:04}" for number in range(1000, 1400)]
RARE = [n for n in NUMBERS if int.from_bytes(n.encode(), "little") % 10007 % 7 == 0]
QUEUED = "".join(NUMBERS)
MANY_RARE = "".join(RARE) * 2
SCRIPTS = {
    "queued": "".join(n for n in NUMBERS if n not in RARE),
    "faulty": USUAL,
    "calls": CALLS,
    "bodies": "here 1 100\nchildren 2 10\n",
}
FAULTS = {
    "null pointers": "r 0\nw 0\nc 0\n",
    "pointers to memory that is gone": "r gone\nw gone\n",
    "writes to read-only memory": "w constant\nc constant\nr constant\n",
    "pointers into the kernel's half": "r 0xffff888000000000\nw 0xffffffff81000000\n"
    "c 0xfffffffffffffff8\nr 0xffffffffffffffff\n",
    "pointers between the halves": "r 0x8000000000000000\nw 0x7fffffffffff0000\n",
    "division by zero": "d 0\n",
    "an undefined instruction": "t 1\n",
    "bad function pointers": "j 0x10\nj cell\nj 0xffffffff81000000\n",
    "writes that nobody reads": "p nobody\np nobody\np -1\n",
    "deep recursion": "s 600\n",
    "a loop without an end in sight": "l 20000000\n",
    "a fault that ends it": "die r\n",
    "a write that ends it": "die p\n",
    "a division that ends it": "die d\n",
}


@dataclass(frozen=True)
class Job:
    """What a guest is to do: run a program, on a load of a kind or a script. force: LP_FORCE_DEOPT,
    for its stress build; amount: how many of the kind."""

    name: str
    program: str
    kind: str = "script"
    amount: int = 0
    script: str = ""
    force: str = ""


JOBS = (
    *(Job(kind, kind.split()[0], kind, n) for kind, n in {**AMOUNTS, **SCOUTED}.items()),
    *(
        Job(f"{name} {force}", name, name, AMOUNTS[name], force=force)
        for name in ("udp_kv", "http_events")
        for force in FORCED
    ),
    *(
        Job(name, "faulty", script=USUAL + script + ("" if "die" in script else USUAL))
        for name, script in {"what is usual": USUAL, **FAULTS}.items()
    ),
    *(
        Job(f"queued {force}", "queued", script=QUEUED, force=force)
        for force in ("", *FORCED_IN_QUEUE)
    ),
    Job("queued rare", "queued", script=MANY_RARE),
    *(
        Job(f"{name} {force}", "bodies", script=script, force=force)
        for name, script in BODIES.items()
        for force in ("", "random:1:0.05")
    ),
    *(Job(f"calls {force}", "calls", script=CALLS * 3, force=force) for force in ("", *FORCED)),
)


def on_kernels(*forced: str) -> pytest.MarkDecorator:
    """Parametrise a test with kernels and with values of LP_FORCE_DEOPT ("": none)."""
    return pytest.mark.parametrize(
        ("series", "force"),
        [
            pytest.param(s, f, marks=pytest.mark.slow) if f and s != DEFAULT else (s, f)
            for s in SERIES
            for f in forced
        ],
    )


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
    programs = Path(__file__).parent / "programs"
    for copy in (workshop / "plain" / name, workshop / name):
        shutil.copytree(
            (programs if name in ECHOES else resource_dir("sample_projects")) / name, copy
        )
    subprocess.run(["make", "-s"], cwd=workshop / "plain" / name, check=True, env=environment)
    folder = workshop / name
    run_step([tool("lp-wrap"), "make"], folder, environment)
    with start(folder / name, environment) as server:
        if name in ECHOES:
            echo(server.port, 1000)
        elif name == "udp_kv":
            run_load(server.port, 5000)
        else:
            exchange(server.port, 100, odd=0.02, paced=True)
    return specialised(workshop, name, environment)


def specialised(workshop: Path, name: str, environment: dict[str, str]) -> Program:
    """Make what a scouted program becomes."""
    folder = workshop / name
    run_step([tool("lp"), "manifest"], folder, environment)
    run_step([tool("lp"), "build", "--output", "elite"], folder, environment)
    run_step([tool("lp"), "build", "--stress", "--output", "stress"], folder, environment)
    return Program(
        workshop / "plain" / name / name, folder / "elite" / name, folder / "stress" / name
    )


@cache
def scripted(workshop: Path, name: str) -> Program:
    """A program that reads a script, scouted with a usual one."""
    environment = demo.clean_environment()
    for copy in (workshop / "plain" / name, workshop / name):
        shutil.copytree(Path(__file__).parent / "programs" / name, copy)
    # At the addresses of the others, which it does not say.
    link = ["make", "-s", "LDFLAGS=-no-pie", "CFLAGS=-O2 -fno-pie -fno-builtin"]
    subprocess.run(link, cwd=workshop / "plain" / name, check=True, env=environment)
    folder = workshop / name
    run_step([tool("lp-wrap"), "make"], folder, environment)
    assert run_script(folder / name, SCRIPTS[name] * 3, environment)["status"] == 0
    return specialised(workshop, name, environment)


@cache
def modules(workshop: Path, name: str, series: str, stress: bool) -> Modules:
    """The driver and the program's module. All programs' are built in one folder, so that the
    driver is built once; and each is copied from there, a stress build's has the same name."""
    built = scripted(workshop, name) if name in SCRIPTS else program(workshop, name)
    headers = find_headers(series, cache_folder(os.environ))
    made = build_modules(built.stress if stress else built.elite, headers, workshop / "modules")
    folder = workshop / series / ("stress" if stress else "elite")
    folder.mkdir(parents=True, exist_ok=True)
    return replace(made, application=Path(shutil.copy(made.application, folder)))


@cache
def expected(workshop: Path, kind: str) -> Any:
    """What the plain build answers."""
    with start(program(workshop, kind.split()[0]).plain, demo.clean_environment()) as server:
        return answers(kind, server.port, AMOUNTS[kind])


def row(workshop: Path, series: str, job: Job) -> dict[str, Any]:
    """A job as the guest takes it."""
    stress = bool(job.force)
    module = modules(workshop, job.program, series, stress).application
    built = (scripted if job.program in SCRIPTS else program)(workshop, job.program)
    return {
        "name": job.name,
        "kind": job.kind,
        "amount": job.amount,
        "script": job.script,
        "program": str(built.stress if stress else built.elite),
        "module": str(module),
        "environment": {"LP_FORCE_DEOPT": job.force} if stress else {},
    }


@cache
def outcomes(
    workshop: Path, series: str, forced: bool | None
) -> tuple[dict[str, dict[str, Any]], str]:
    """By name, what each job told; and why the guest did not live to the end. forced: only jobs
    with forced deopts, or only those without."""
    plan = workshop / f"{series}.json"
    built = modules(workshop, "udp_kv", series, False)
    name = built.application
    content = {
        "driver": str(built.driver),
        "unfinished": str(built.driver.parent / f"{name.stem}.build" / name.name),
        "jobs": [row(workshop, series, job) for job in JOBS if forced in (None, bool(job.force))],
    }
    plan.write_text(json.dumps(content), "utf-8")
    command = GuestCommand(
        argv=[sys.executable, "-m", "tests.kernel.applications_in_guest", str(plan)],
        kernel=series,
        append=version_of(series).boots.applications,
        timeout=1500,
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


def guest(workshop: Path, series: str, forced: bool) -> tuple[dict[str, dict[str, Any]], str]:
    """What the guest that runs jobs with forced deopts, or those without, told."""
    return outcomes(workshop, series, None if series == DEFAULT else forced)


def outcome(workshop: Path, series: str, name: str, force: str = "") -> Told:
    """What the job told. Fails the test with the guest's last words if it did not come to it."""
    rows, failure = guest(workshop, series, bool(force))
    assert name in rows, failure
    return Told(rows[name]["answers"], rows[name]["stats"], rows[name]["status"])


def requests_of(script: str) -> int:
    """How many requests a script of `bodies` makes, or a few less."""
    total = 0
    for what, many, count in (line.split() for line in script.splitlines()):
        # As another user: itself, two threads and two children.
        bodies = {"nobody": 5, "closed": 2, "childs": 2}.get(what, 1)
        if what in ("threads", "children"):
            bodies = int(many)
        elif what in ("childless", "reaper"):
            bodies = 1 + int(many)
        total += bodies * int(count)
    return total


@pytest.mark.parametrize("name", ["udp_kv", "http_events"])
@pytest.mark.parametrize("series", SERIES)
def test_server_answers_as_the_plain_build(workshop: Path, series: str, name: str) -> None:
    told = outcome(workshop, series, name)
    assert told.answers == expected(workshop, name)
    assert told.stats["elite"] == "kernel"
    assert 0 < told.stats["finished_in_elite"] < told.stats["requests"]


@pytest.mark.parametrize("kind", SCOUTED)
@pytest.mark.parametrize("series", SERIES)
def test_the_scouted_load_finishes_as_foretold(workshop: Path, series: str, kind: str) -> None:
    """udp_kv counts its requests, those that set the keys included; http_events' are counted by
    nobody but LP_STATS."""
    found = outcome(workshop, series, kind)
    stats = found.stats
    told = foretold(workshop / kind.split()[0], "--output", "elite")["kernel"]
    wanted, sent = told.finished, SCOUTED[kind]
    if kind.startswith("http_events"):
        wanted, sent = told.of_begun, stats["requests"]
    elif kind.startswith("udp_kv"):
        sent = int(found.answers["requests"])
    assert stats["finished_in_elite"] / sent == pytest.approx(wanted, abs=TOLERANCE)


@pytest.mark.parametrize("series", SERIES)
def test_gets_finish_in_elite(workshop: Path, series: str) -> None:
    """By the driver's own counters too: few ways back to user space for many requests."""
    told = outcome(workshop, series, "udp_kv get")
    assert told.answers == expected(workshop, "udp_kv get")
    sent = int(told.answers["requests"])
    assert told.stats["finished_in_elite"] >= 0.99 * (sent - 600)  # but for what sets the keys
    (application,) = told.status["applications"]
    assert application["deopts"] < 0.5 * sent


@pytest.mark.parametrize("name", ["udp_kv", "http_events"])
@on_kernels(*FORCED)
def test_forced_deopts_change_no_answer(workshop: Path, series: str, name: str, force: str) -> None:
    told = outcome(workshop, series, f"{name} {force}", force)
    assert told.answers == expected(workshop, name)
    assert told.stats["deopts"]["total"] > 0


@pytest.mark.parametrize("name", ["what is usual", *FAULTS])
@pytest.mark.parametrize("series", SERIES)
def test_application_sees_what_the_plain_build_shows(
    workshop: Path, series: str, name: str
) -> None:
    script = FAULTS.get(name, USUAL)
    script = USUAL + script + ("" if "die" in script else USUAL)
    told = outcome(workshop, series, name)
    plain = scripted(workshop, "faulty").plain
    assert told.answers == run_script(plain, script, demo.clean_environment())
    (application,) = told.status["applications"]
    # Each request is a run, for a program without a loop.
    assert application["runs"] >= application["requests"] >= 8


@pytest.mark.parametrize("series", SERIES)
def test_usual_requests_stay_in_the_kernel(workshop: Path, series: str) -> None:
    told = outcome(workshop, series, "what is usual")
    (application,) = told.status["applications"]
    assert application["exits"] >= application["runs"] - application["deopts"] - 2
    assert application["faults"] == 0


@on_kernels("", *FORCED)
def test_library_calls_do_in_the_kernel_what_the_library_does(
    workshop: Path, series: str, force: str
) -> None:
    """The same results, errors and memory; and nearly all of it without going to user space."""
    told = outcome(workshop, series, f"calls {force}", force)
    plain = run_script(scripted(workshop, "calls").plain, CALLS * 3, demo.clean_environment())
    assert told.answers == plain
    (application,) = told.status["applications"]
    if force:
        assert told.stats["deopts"]["total"] > 0
    else:
        assert application["exits"] > 0.9 * application["runs"]


@on_kernels("", *FORCED_IN_QUEUE)
def test_requests_that_leave_the_kernel_are_queued_in_queue_mode(
    workshop: Path, series: str, force: str
) -> None:
    """Each is answered once, by a worker, while the loop goes on in the kernel."""
    told = outcome(workshop, series, f"queued {force}", force)
    plain = run_script(scripted(workshop, "queued").plain, QUEUED, demo.clean_environment())
    assert sorted(told.answers["said"].splitlines()) == sorted(plain["said"].splitlines())
    assert (told.answers["status"], told.answers["complains"]) == (0, "")
    queued = told.stats["ring"]["queued"]
    # What comes while the loop itself is in the Fallback never was Elite's.
    assert queued + told.stats["finished_in_elite"] == told.stats["requests"] <= len(NUMBERS)
    if force in ("", SELDOM):
        assert 0 < told.stats["finished_in_elite"] < len(NUMBERS)
    if not force:
        assert told.stats["requests"] == len(NUMBERS)
        assert len(RARE) <= queued <= len(RARE) + 5


@pytest.mark.parametrize("series", SERIES)
def test_with_the_ring_full_and_no_slot_left_requests_wait_and_none_is_lost(
    workshop: Path, series: str
) -> None:
    """Rare ones alone, which come faster than the one worker answers them."""
    told = outcome(workshop, series, "queued rare")
    plain = run_script(scripted(workshop, "queued").plain, MANY_RARE, demo.clean_environment())
    assert sorted(told.answers["said"].splitlines()) == sorted(plain["said"].splitlines())
    assert told.stats["ring"]["queued"] > 0.9 * len(MANY_RARE) / 4
    assert told.stats["ring"]["waits"] + told.stats["slots"]["waits"] > 0
    assert told.stats["ring"]["depth_max"] <= 2


@pytest.mark.parametrize("name", BODIES)
@on_kernels("", "random:1:0.05")
def test_threads_processes_and_users_have_their_requests_in_the_kernel(
    workshop: Path, series: str, name: str, force: str
) -> None:
    told = outcome(workshop, series, f"{name} {force}", force)
    plain = run_script(scripted(workshop, "bodies").plain, BODIES[name], demo.clean_environment())
    assert told.answers == plain
    (application,) = told.status["applications"]
    assert application["runs"] >= 0.9 * requests_of(BODIES[name])


@pytest.mark.parametrize("series", SERIES)
def test_who_closes_all_files_and_gives_up_root_goes_on_in_user_space(
    workshop: Path, series: str
) -> None:
    told = outcome(workshop, series, "files that are closed, and root given up ")
    (application,) = told.status["applications"]
    assert 45 <= application["runs"] <= 50
    why = "/dev/lakeplacid: Permission denied"
    assert told.stats["shut_out"] == {"threads": 1, "why": why}


@pytest.mark.parametrize("series", SERIES)
def test_what_kbuild_left_is_no_module_yet(workshop: Path, series: str) -> None:
    """Its text is no code there: it is refused, before anything runs in it."""
    rows, failure = guest(workshop, series, False)
    assert rows["unfinished"]["status"] != 0, failure


@pytest.mark.parametrize("series", SERIES)
def test_modules_can_be_unloaded(workshop: Path, series: str) -> None:
    rows, failure = guest(workshop, series, False)
    assert "unloaded" in rows, failure
