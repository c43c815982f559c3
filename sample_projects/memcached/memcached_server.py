# SPDX-License-Identifier: GPL-2.0-only
"""memcached at work: a server on a port of its own choice."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lp_build.errors import LakePlacidError
from lp_build.serving import ask_until, end_well, failure, listens


@dataclass(frozen=True)
class Server:
    """A running memcached; port on 127.0.0.1."""

    process: subprocess.Popen[bytes]
    port: int


@contextmanager
def serve(
    program: Path,
    environment: Mapping[str, str],
    *,
    arguments: Sequence[str] = (),
    timeout: float = 30.0,
) -> Iterator[Server]:
    """Run memcached on a port of its own choice; at the end SIGTERM ends it.

    timeout: seconds, for the start and for the end. Raises LakePlacidError when it does not
    come up, or does not end with exit status 0.
    """
    with tempfile.TemporaryDirectory() as folder:
        ports = Path(folder) / "ports"
        log = Path(folder) / "log"
        user = ["-u", "root"] if os.geteuid() == 0 else []  # as its own test suite does
        command = [str(program.absolute()), "-l", "127.0.0.1", "-p", "-1", "-U", "0", *user]
        with (
            open(log, "wb") as output,
            subprocess.Popen(
                [*command, *arguments],
                cwd=program.parent,
                env={**environment, "MEMCACHED_PORT_FILENAME": str(ports)},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            ) as process,
        ):
            try:
                port = _wait_port(process, ports, log, timeout)
                yield Server(process, port)
                end_well(process, timeout, lambda what: _failure(program, what, log))
            finally:
                process.kill()  # a no-op after it has ended


def _wait_port(process: subprocess.Popen[bytes], ports: Path, log: Path, timeout: float) -> int:
    """The port that memcached wrote to the file named in MEMCACHED_PORT_FILENAME. It renames the
    file into place when it listens."""

    def ask() -> int | None:
        if ports.is_file() and (match := re.search(r"TCP INET: (\d+)", ports.read_text())):
            port = int(match.group(1))
            listens(port, timeout)
            return port
        return None

    port = ask_until(process, ask, timeout)
    if port is not None:
        return port
    status = process.poll()
    late = f"did not listen within {timeout:g} s"
    raise _failure(ports, late if status is None else f"did not start: status {status}", log)


def _failure(program: Path, what: str, log: Path) -> LakePlacidError:
    return failure(
        f"memcached {what}",
        log.read_text(errors="replace"),
        program=program,
        remedy="run it by hand with `-vv` to see what it says",
    )
