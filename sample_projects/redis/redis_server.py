# SPDX-License-Identifier: GPL-2.0-only
"""redis at work: a server on a free port, and a client that speaks its protocol."""

from __future__ import annotations

import socket
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from lp_build.errors import LakePlacidError
from lp_build.serving import ask_until, end_well, failure, free_port

TIMEOUT = 60.0  # seconds, for whatever redis is to do
START_ATTEMPTS = 5  # a port that was free may be taken by the time redis binds it


def encode(words: Sequence[bytes | str]) -> bytes:
    """One command, as clients send it."""
    raw = [word.encode() if isinstance(word, str) else word for word in words]
    return b"*%d\r\n" % len(raw) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in raw)


class Connection:
    """A client's connection. Answers are the protocol's own bytes, whatever is nested in them."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), TIMEOUT)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.answers: BinaryIO = self.socket.makefile("rb")

    def __enter__(self) -> Connection:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.answers.close()
        self.socket.close()

    def send(self, *commands: Sequence[bytes | str]) -> None:
        """Send commands at once, without waiting for answers."""
        self.socket.sendall(b"".join(encode(command) for command in commands))

    def receive(self) -> bytes:
        """One whole answer. Raises LakePlacidError when the server ends the connection."""
        line = self.answers.readline()
        if not line.endswith(b"\r\n"):
            raise LakePlacidError("redis closed the connection", remedy="look at its log")
        kind, rest = line[:1], line[1:-2]
        if kind == b"$" and rest != b"-1":
            return line + self.answers.read(int(rest) + 2)
        if kind == b"*":
            return line + b"".join(self.receive() for _ in range(int(rest)))
        return line

    def ask(self, *words: bytes | str) -> bytes:
        """Send one command and return its answer."""
        self.send(words)
        return self.receive()


@dataclass(frozen=True)
class Server:
    """A running redis; port on 127.0.0.1, folder: its working folder, with its dumps."""

    process: subprocess.Popen[bytes]
    port: int
    folder: Path


@contextmanager
def serve(
    program: Path, environment: Mapping[str, str], folder: Path | None = None
) -> Iterator[Server]:
    """Run redis on a free port in `folder` (None: a temporary one), with no dumps but those that it
    is asked for; at the end SIGTERM ends it.

    Raises LakePlacidError when it does not come up, or does not end with exit status 0.
    """
    with tempfile.TemporaryDirectory(prefix="lp-redis-") as temporary:
        folder = folder or Path(temporary)
        log = folder / "log"
        for attempt in range(START_ATTEMPTS):
            port = free_port()
            arguments = ["--port", str(port), "--bind", "127.0.0.1", "--save", ""]
            with open(log, "wb") as output:
                process = subprocess.Popen(
                    [str(program.absolute()), *arguments, "--enable-debug-command", "yes"],
                    cwd=folder,
                    env=environment,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                )
            try:
                if not ask_until(process, partial(_pong, port), TIMEOUT):
                    taken = b"Address already in use" in log.read_bytes()
                    if taken and attempt + 1 < START_ATTEMPTS:
                        continue
                    raise _failure(program, f"did not start: status {process.returncode}", log)
                yield Server(process, port, folder)
                end_well(process, TIMEOUT, lambda what: _failure(program, what, log))
                return
            finally:
                process.kill()  # a no-op after it has ended
                process.wait()


def _pong(port: int) -> bool:
    with Connection(port) as connection:
        return connection.ask("PING") == b"+PONG\r\n"


def _failure(program: Path, what: str, log: Path) -> LakePlacidError:
    return failure(
        f"redis {what}",
        log.read_text(errors="replace"),
        program=program,
        remedy="run it by hand, with `--loglevel debug`",
    )
