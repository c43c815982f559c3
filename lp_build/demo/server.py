# SPDX-License-Identifier: GPL-2.0-only
"""Start a server of `sample_projects/udp_kv`, wait until it listens, and stop it."""

from __future__ import annotations

import re
import selectors
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from lp_build.errors import LakePlacidError
from lp_build.serving import end, failure

LISTENING = re.compile(r"listening on 127\.0\.0\.1:(\d+)")


@dataclass(frozen=True)
class Server:
    """A running server; port on 127.0.0.1."""

    process: subprocess.Popen[str]
    port: int


@contextmanager
def start(
    program: Path, environment: Mapping[str, str], *, timeout: float = 20.0
) -> Iterator[Server]:
    """Run `program -p 0` in its folder with this environment; at the end SIGTERM ends it.

    timeout: seconds, for the start and for the end. Raises LakePlacidError when the server does
    not come up, or does not end with exit status 0 (its error output is then in the message).
    """
    command = [str(program.absolute()), "-p", "0"]
    with (
        tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as errors,
        subprocess.Popen(
            command,
            cwd=program.parent,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        ) as process,
    ):
        try:
            yield Server(process, _wait_port(process, program, errors, timeout))
            status = end(process, timeout)
            if status is None:
                raise _failure(program, f"did not end within {timeout:g} s", errors)
            if status != 0:
                raise _failure(program, f"ended with {_describe(status)}", errors)
        finally:
            process.kill()  # a no-op after it has ended


def _wait_port(
    process: subprocess.Popen[str], program: Path, errors: IO[str], timeout: float
) -> int:
    """The port that the server announces in its first line."""
    assert process.stdout is not None
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        if not selector.select(timeout):
            raise _failure(program, f"did not listen within {timeout:g} s", errors)
    match = LISTENING.match(process.stdout.readline())
    if match is None:
        raise _failure(program, f"did not start: {_describe(process.wait(timeout))}", errors)
    return int(match.group(1))


def _describe(status: int) -> str:
    return f"signal {-status}" if status < 0 else f"exit status {status}"


def _failure(program: Path, what: str, errors: IO[str]) -> LakePlacidError:
    errors.seek(0)
    return failure(
        f"the server {what}",
        errors.read(),
        program=program,
        remedy="run it by hand with `-p 7411` to see what it says",
        lines=5,
    )
