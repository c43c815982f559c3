# SPDX-License-Identifier: GPL-2.0-only
"""`lp top` on a real server, while it serves; and the sums that it makes."""

from __future__ import annotations

import errno
import json
import os
import pty
import re
import select
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from lp_build.errors import LakePlacidError
from lp_build.statistics import Deopt
from lp_build.steps import run_step, tool
from lp_build.top import process, watch
from lp_build.top.process import Snapshot
from lp_build.top.screen import line
from lp_build.top.watch import Watch, add_up, choose
from tests.init.support import SECONDS, clean_environment, datagrams, running, sample_copy, wrap
from tests.runtime.fake_device import fake_device

REQUESTS = 200
CONFIG = 'request = "handle_request"\nthreshold = 0.5\n'


@dataclass(frozen=True)
class Running:
    """A specialised server under way."""

    pid: int
    port: int
    stats: Path


@pytest.fixture(scope="module", params=["wait", "queue"])
def program(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """udp_kv, specialised for what most of its requests do."""
    folder = sample_copy("udp_kv", tmp_path_factory.mktemp("top") / "udp_kv")
    (folder / "lp.toml").write_text(f'{CONFIG}mode = "{request.param}"\n')
    wrap(folder, "make")
    with running("./udp_kv", "-p", "0", cwd=folder) as port:
        datagrams(port, REQUESTS)
    for command in ("manifest", "build"):
        run_step([tool("lp"), command], folder, clean_environment())
    return folder / "udp_kv"


@contextmanager
def serving(program: Path, elite: str = "inprocess", **settings: str) -> Iterator[Running]:
    """The server while the block runs; it writes its statistics when that ends."""
    stats = program.parent / "stats.json"
    environment = {**clean_environment(), "LP_ELITE": elite, "LP_STATS": str(stats), **settings}
    command = [str(program), "-p", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as server:
        assert server.stdout is not None
        port = int(server.stdout.readline().rpartition(b":")[2])
        try:
            yield Running(server.pid, port, stats)
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait(SECONDS)


def top(*arguments: str | int) -> str:
    command = [tool("lp"), "top", "--interval", "0.1", *map(str, arguments)]
    return run_step(command, Path.cwd(), clean_environment())


def test_what_it_tells_is_what_the_statistics_say_in_the_end(program: Path) -> None:
    with serving(program) as server:
        datagrams(server.port, REQUESTS)
        told = json.loads(top(server.pid, "--once", "--json"))
    wrote = json.loads(server.stats.read_text())
    assert told["requests"] == wrote["requests"] == REQUESTS
    assert told["finished_in_elite"] == wrote["finished_in_elite"]
    sites = {(site["file"], site["line"]): site["hits"] for site in wrote["deopts"]["sites"]}
    assert {(d["file"], d["line"]): d["hits"] for d in told["deopts"]} == sites
    assert sites
    assert told["ring"]["queued"] == wrote["ring"]["queued"]
    assert (told["slots"]["count"], told["elite"], told["mode"]) == (64, "inprocess", wrote["mode"])


def test_rates_are_of_the_interval(program: Path) -> None:
    with serving(program) as server:
        datagrams(server.port, REQUESTS)
        watched = choose(str(server.pid), Path.cwd())
        datagrams(server.port, 30)
        view = watched.step()
        assert view is not None
        assert view.rate == pytest.approx(30 / view.seconds)
        assert view.total.requests == REQUESTS + 30
        assert view.share is not None and 0 < view.share <= 1
        quiet = watched.step()
        assert quiet is not None and (quiet.rate, quiet.share) == (0, None)
        watched.close()


def test_a_program_is_found_by_its_path(program: Path) -> None:
    with serving(program) as server:
        assert json.loads(top(program, "--once", "--json"))["pids"] == [server.pid]


def test_with_elite_off_it_says_how_to_turn_it_on(program: Path) -> None:
    with serving(program, "off") as server:
        shown = top(server.pid, "--once")
    assert "Elite off" in shown
    assert "LP_ELITE=inprocess" in shown


def test_it_says_why_threads_stay_out_of_the_kernel(program: Path, tmp_path: Path) -> None:
    turned_away = {"LD_PRELOAD": str(fake_device(tmp_path)), "FAKE_ATTACH_AGAIN": str(errno.EPERM)}
    with serving(program, "kernel", **turned_away) as server:
        datagrams(server.port, 1)
        told = json.loads(top(server.pid, "--once", "--json"))["shut_out"]
        shown = top(server.pid, "--once")
    why = "cannot attach to /dev/lakeplacid: Operation not permitted"
    assert told == {"threads": 1, "why": why}
    assert f"1 thread stays in user space: {why}" in " ".join(shown.split())


def test_without_a_terminal_there_is_a_line_each_interval_until_the_server_ends(
    program: Path,
) -> None:
    with serving(program) as server:
        command = [tool("lp"), "top", "--interval", "0.05", str(server.pid)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as watching:
            assert watching.stdout is not None
            assert "requests/s" in watching.stdout.readline()
            assert "requests/s" in watching.stdout.readline()
            os.kill(server.pid, signal.SIGTERM)
            watching.stdout.read()
            assert watching.wait(SECONDS) == 0


def read_until(descriptor: int, pattern: str) -> str:
    """What a terminal shows, until it shows that."""
    shown, end = "", time.monotonic() + SECONDS
    while not re.search(pattern, shown):
        ready, _, _ = select.select([descriptor], [], [], max(0.0, end - time.monotonic()))
        assert ready, f"it shows only {shown!r}"
        shown += os.read(descriptor, 65536).decode("utf-8", "replace")
    return shown


def test_in_a_terminal_it_redraws_until_q_is_pressed(program: Path) -> None:
    with serving(program) as server:
        datagrams(server.port, REQUESTS)
        pid, terminal = pty.fork()
        if pid == 0:
            environment = {**clean_environment(), "TERM": "xterm", "COLUMNS": "100", "LINES": "24"}
            command = [tool("lp"), "top", "--interval", "0.05", str(server.pid)]
            os.execve(command[0], command, environment)
        read_until(terminal, r"left Elite at(.|\n)*protocol\.c:(.|\n)*requests(.|\n)*requests")
        os.write(terminal, b"q")
        with pytest.raises(OSError):  # the other end is closed
            while True:
                os.read(terminal, 65536)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
        os.close(terminal)


def test_no_colour_where_it_is_not_wanted(program: Path) -> None:
    with serving(program) as server:
        environment = {**clean_environment(), "NO_COLOR": "1", "FORCE_COLOR": "1"}
        command = [tool("lp"), "top", "--once", "--interval", "0.1", str(server.pid)]
        shown = run_step(command, Path.cwd(), environment)
    assert not re.search(r"\x1b\[[0-9;]*3[0-7]m", shown)


def test_a_process_that_is_not_specialised(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(LakePlacidError, match="is no specialised program"):
        choose(str(os.getpid()), Path.cwd())


def test_a_program_that_nobody_runs() -> None:
    with pytest.raises(LakePlacidError, match="no process runs `nothing-like-it`"):
        choose("nothing-like-it", Path.cwd())


def test_of_several_programs_that_of_the_project_is_watched(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    mine, other = str(tmp_path / "mine" / "server"), str(tmp_path / "other" / "server")
    seen: list[tuple[str, list[int]]] = []
    monkeypatch.setattr(watch, "specialised_processes", lambda: [(1, other), (2, mine), (3, mine)])
    monkeypatch.setattr(watch, "_watch", lambda program, pids: seen.append((program, pids)))
    choose(None, tmp_path / "mine")
    choose("server", tmp_path / "other")
    assert seen == [(mine, [2, 3]), (other, [1])]
    with pytest.raises(LakePlacidError, match="several specialised programs are running"):
        choose(None, tmp_path / "third")


def test_a_process_of_someone_else(program: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> int:
        raise PermissionError(1, "not yours")

    with serving(program) as server:
        monkeypatch.setattr(process.os, "open", refused)
        with pytest.raises(LakePlacidError, match="may not be looked at"):
            Watch(str(program), [server.pid])


def a_snapshot(requests: int, hits: int) -> Snapshot:
    deopts = (Deopt("a.c:f:0:true", "a.c", 3, hits),)
    return Snapshot(
        "inprocess", "wait", requests, requests, 1, 64, 5, 0, None, 0, 0, 0, 0, 0, 0, "", deopts
    )


def test_processes_of_one_program_are_one() -> None:
    total = add_up([a_snapshot(10, 1), a_snapshot(20, 2)])
    assert (total.requests, total.slots_used, total.slots, total.slots_most) == (30, 2, 128, 5)
    assert total.deopts == (Deopt("a.c:f:0:true", "a.c", 3, 3),)
    assert total.ring_used is None


def test_a_line_names_the_worst_place(program: Path) -> None:
    with serving(program) as server:
        watched = choose(str(server.pid), Path.cwd())
        datagrams(server.port, REQUESTS)
        view = watched.step()
        watched.close()
    assert view is not None
    assert re.search(
        r"[\d,]+ requests/s  .* in Elite  .*most deopts at protocol\.c:\d+", line(view)
    )
