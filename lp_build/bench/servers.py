# SPDX-License-Identifier: GPL-2.0-only
"""Servers under measurement: started, loaded in lock step, stopped."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lp_build.errors import LakePlacidError

START_SECONDS = 60.0  # under callgrind a server takes seconds to come up
ANSWER_SECONDS = 30.0
CONNECTIONS = 1024  # memcached's limit, and what it makes its limit of descriptors


@dataclass(frozen=True)
class Running:
    """A server that is up: its process and its port on 127.0.0.1."""

    process: subprocess.Popen[str]
    port: int


class Server(ABC):
    """One kind of server: how to start it and how to load it."""

    name: str

    @abstractmethod
    def command(self, program: Path) -> list[str]:
        """The command line that serves on a port of its own choice."""

    @abstractmethod
    def wait_port(self, process: subprocess.Popen[str], note: Path) -> int:
        """Wait until `process` listens and return its port."""

    @abstractmethod
    def load(self, port: int, requests: int) -> None:
        """Send `requests` hot requests, one after the other, and check every answer."""

    @contextmanager
    def running(
        self,
        program: Path,
        environment: Mapping[str, str] | None = None,
        prefix: Sequence[str] = (),
    ) -> Iterator[Running]:
        """Run the server (behind `prefix`, e.g. valgrind); it is asked to end by SIGTERM.

        Raises LakePlacidError when it doesn't come up.
        """
        clean = {k: v for k, v in os.environ.items() if not k.startswith("LP_")}
        with tempfile.TemporaryDirectory() as folder:
            note = Path(folder) / "port"
            process = subprocess.Popen(
                [*prefix, *self.command(program)],
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                env={**clean, "MEMCACHED_PORT_FILENAME": str(note), **(environment or {})},
            )
            try:
                yield Running(process, self.wait_port(process, note))
                process.send_signal(signal.SIGTERM)
                process.wait(timeout=START_SECONDS)
            finally:
                if process.poll() is None:
                    process.kill()
                    process.wait()
                if process.stdout:
                    process.stdout.close()


def _not_up(program: str) -> LakePlacidError:
    return LakePlacidError(
        "the server did not come up", file=program, remedy="run it by hand to see why"
    )


class UdpKv(Server):
    """sample_projects/udp_kv: GETs of one key."""

    name = "udp_kv"

    def command(self, program: Path) -> list[str]:
        return [str(program), "-p", "0"]

    def wait_port(self, process: subprocess.Popen[str], note: Path) -> int:
        assert process.stdout is not None
        line = process.stdout.readline()
        if ":" not in line:
            raise _not_up(self.name)
        return int(line.rpartition(":")[2])

    def load(self, port: int, requests: int) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link:
            link.settimeout(ANSWER_SECONDS)
            link.connect(("127.0.0.1", port))
            link.send(b"0 SET some_key " + b"v" * 64)
            link.recv(2048)
            for number in range(requests):
                link.send(b"%d GET some_key" % number)
                answer = link.recv(2048)
                if answer != b"%d VALUE " % number + b"v" * 64:
                    raise LakePlacidError(f"wrong answer {answer!r} from {self.name}")


class Memcached(Server):
    """memcached over TCP: GETs of one key on one connection. The key has flags, as those in the
    scouting load have: without them a GET is not the hot path."""

    name = "memcached"

    def command(self, program: Path) -> list[str]:
        limit = ["-c", str(CONNECTIONS)]
        user = ["-u", "root"] if os.geteuid() == 0 else []
        return [str(program), "-l", "127.0.0.1", "-p", "-1", "-U", "0", "-t", "1", *limit, *user]

    def wait_port(self, process: subprocess.Popen[str], note: Path) -> int:
        deadline = time.monotonic() + START_SECONDS
        # memcached itself makes the file complete by renaming it.
        while not note.exists():
            if process.poll() is not None or time.monotonic() > deadline:
                raise _not_up(self.name)
            time.sleep(0.01)
        words = note.read_text(encoding="utf-8").split()
        return int(words[words.index("INET:") + 1])

    def load(self, port: int, requests: int) -> None:
        with socket.create_connection(("127.0.0.1", port), ANSWER_SECONDS) as link:
            link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._ask(link, b"set some_key 7 0 64\r\n" + b"v" * 64 + b"\r\n", b"STORED\r\n")
            want = b"VALUE some_key 7 64\r\n" + b"v" * 64 + b"\r\nEND\r\n"
            for _ in range(requests):
                self._ask(link, b"get some_key\r\n", want)

    def _ask(self, link: socket.socket, request: bytes, want: bytes) -> None:
        link.sendall(request)
        got = b""
        while len(got) < len(want):
            part = link.recv(4096)
            if not part:
                break
            got += part
        if got != want:
            raise LakePlacidError(f"wrong answer {got!r} from {self.name}")
