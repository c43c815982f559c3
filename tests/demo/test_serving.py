# SPDX-License-Identifier: GPL-2.0-only
"""Servers that are started: asked until they answer, ended, and reported."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from lp_build import serving
from lp_build.errors import LakePlacidError

LISTEN = """
import socket, sys
with socket.create_server(("127.0.0.1", int(sys.argv[1]))) as server:
    while True:
        server.accept()[0].close()
"""


@contextmanager
def started(text: str, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process that runs this."""
    process = subprocess.Popen([sys.executable, "-c", text, *arguments])
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def test_server_is_asked_until_it_listens() -> None:
    port = serving.free_port()
    with started(LISTEN, str(port)) as process:
        assert serving.ask_until(process, partial(serving.listens, port, 30.0), 30.0)


def test_server_that_ends_gives_no_answer() -> None:
    port = serving.free_port()
    with started("raise SystemExit(3)") as process:
        assert serving.ask_until(process, partial(serving.listens, port, 30.0), 30.0) is None
        assert process.returncode == 3


def test_silent_server_is_not_asked_for_ever() -> None:
    with started("import signal; signal.pause()") as process:
        assert serving.ask_until(process, lambda: None, 0.1) is None
        assert process.poll() is None


def test_server_is_ended_by_the_signal_that_is_named() -> None:
    with started("import signal; signal.pause()") as process:
        assert serving.end(process, 30.0, signal.SIGINT) == -signal.SIGINT


def test_server_that_does_not_end_has_no_status() -> None:
    ready = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True)\n"
    process = subprocess.Popen(
        [sys.executable, "-c", f"{ready}signal.pause()"], stdout=subprocess.PIPE
    )
    with process:
        assert process.stdout
        process.stdout.readline()
        assert serving.end(process, 0.1) is None
        process.kill()


def test_what_does_not_come_is_named() -> None:
    with pytest.raises(LakePlacidError, match="within 0 s there was no miracle"):
        serving.wait_until("miracle", lambda: False, 0.0)


def test_failure_tells_the_last_lines() -> None:
    said = "\n".join(map(str, range(20)))
    error = serving.failure("it failed", said, program=Path("p"), remedy="look", lines=2)
    assert "it failed\n  18\n  19" in str(error)
