# SPDX-License-Identifier: GPL-2.0-only
"""A server that we start ourselves: wait until it answers, end it, and say what it said."""

from __future__ import annotations

import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from lp_build.errors import LakePlacidError

Answer = TypeVar("Answer")


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens at now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def ask_until(
    process: subprocess.Popen[Any], ask: Callable[[], Answer | None], timeout: float
) -> Answer | None:
    """Ask a server that has just been started until it answers. A connection that is refused is no
    answer; None: it has ended, or `timeout` seconds are over. There is nothing to wait on but its
    end, so we look."""
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        try:
            if (answer := ask()) is not None:
                return answer
        except ConnectionRefusedError:
            pass
        try:
            process.wait(0.02)
            return None
        except subprocess.TimeoutExpired:
            continue
    return None


def listens(port: int, timeout: float) -> bool:
    """Connect once. Raises ConnectionRefusedError where nobody listens."""
    socket.create_connection(("127.0.0.1", port), timeout).close()
    return True


def end(
    process: subprocess.Popen[Any], timeout: float, by: signal.Signals = signal.SIGTERM
) -> int | None:
    """End a server, unless it has ended. Its status; None: it did not within so many seconds."""
    if process.poll() is None:
        process.send_signal(by)
    try:
        return process.wait(timeout)
    except subprocess.TimeoutExpired:
        return None


def end_well(
    process: subprocess.Popen[Any],
    timeout: float,
    wrong: Callable[[str], LakePlacidError],
    by: signal.Signals = signal.SIGTERM,
) -> None:
    """End a server: it must, within so many seconds and with exit status 0. Raises what `wrong`
    makes of what it did instead."""
    status = end(process, timeout, by)
    if status is None:
        raise wrong(f"did not end within {timeout:g} s")
    if status != 0:
        raise wrong(f"ended with status {status}")


def wait_until(what: str, condition: Callable[[], bool], timeout: float = 60.0) -> None:
    """Look until a condition holds that there is nothing to wait on for: a file that a server
    makes, a process that it starts. Raises LakePlacidError after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            raise LakePlacidError(f"within {timeout:g} s there was no {what}", remedy="try by hand")
        time.sleep(0.01)


def failure(what: str, said: str, *, program: Path, remedy: str, lines: int = 8) -> LakePlacidError:
    """That something went wrong, with the last lines of what the server said."""
    tail = said.strip().splitlines()[-lines:]
    return LakePlacidError("\n  ".join([what, *tail]), file=str(program), remedy=remedy)
