# SPDX-License-Identifier: GPL-2.0-only
"""An HTTP client for nginx: GETs of static files over connections that are kept, every answer
verified. Usable by itself: `python nginx_load.py --port 8080`, with a site of nginx_server.py.
"""

from __future__ import annotations

import argparse
import json
import random
import selectors
import socket
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import accumulate

from nginx_server import content

from lp_build.errors import LakePlacidError

# Relative shares of the files of a load.
STATIC: Mapping[str, float] = {
    "index.html": 0.5,
    "small.txt": 0.25,
    "page.html": 0.15,
    "medium.bin": 0.1,
}


@dataclass(frozen=True)
class LoadResult:
    """sent: requests, all answered rightly; by_file: how many for each; seconds: wall-clock."""

    sent: int
    by_file: dict[str, int]
    seconds: float


class Connection:
    """One connection in lock step: at most one request under way."""

    def __init__(self, port: int, timeout: float) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.name = ""
        self.expected = b""
        self.received = b""
        self.head = -1  # the length of the answer's head, once it is there

    def get(self, name: str, body: bytes) -> None:
        """Ask for a file that holds `body`."""
        self.name, self.expected, self.received, self.head = name, body, b"", -1
        self.socket.sendall(f"GET /{name} HTTP/1.1\r\nHost: static.test\r\n\r\n".encode())

    def receive(self) -> bool:
        """Take what has come; return True when the answer is whole (and verified)."""
        data = self.socket.recv(1 << 18)
        if not data:
            raise self._wrong("the server closed the connection")
        self.received += data
        if self.head < 0:
            end = self.received.find(b"\r\n\r\n")
            if end < 0:
                return False
            self.head = end + 4
            head = self.received[: self.head]
            length = b"\r\nContent-Length: %d\r\n" % len(self.expected)
            if not head.startswith(b"HTTP/1.1 200 OK\r\n") or length not in head:
                raise self._wrong("the head is not that of this file")
        if len(self.received) < self.head + len(self.expected):
            return False
        if self.received[self.head :] != self.expected:
            raise self._wrong("this is not what the file holds")
        return True

    def _wrong(self, reason: str) -> LakePlacidError:
        return LakePlacidError(
            f"GET /{self.name}: the answer is {self.received[:200]!r}: {reason}",
            remedy="compare with the plain build; a difference is a bug in LakePlacid",
        )


def run_load(
    port: int,
    requests: int,
    *,
    files: Mapping[str, float] = STATIC,
    seed: int = 1,
    connections: int = 8,
    timeout: float = 60.0,
) -> LoadResult:
    """Send `requests` GETs over `connections` connections, files drawn by their shares.

    timeout: seconds to wait for an answer. Raises LakePlacidError for a wrong or missing one.
    """
    chance = random.Random(seed)
    names, weights = list(files), list(accumulate(files.values()))
    bodies = {name: content(name) for name in names}
    by_file: Counter[str] = Counter()
    start = time.perf_counter()
    with selectors.DefaultSelector() as selector:
        try:
            for _ in range(connections):
                connection = Connection(port, timeout)
                selector.register(connection.socket, selectors.EVENT_READ, connection)
            left = requests

            def ask_next(connection: Connection) -> bool:
                nonlocal left
                if left == 0:
                    return False
                left -= 1
                name = chance.choices(names, cum_weights=weights)[0]
                by_file[name] += 1
                connection.get(name, bodies[name])
                return True

            busy = sum(ask_next(entry.data) for entry in selector.get_map().values())
            while busy:
                ready = selector.select(timeout)
                if not ready:
                    raise TimeoutError(f"no answer in {timeout} s")
                for key, _ in ready:
                    if key.data.receive():
                        busy -= not ask_next(key.data)
        except OSError as error:
            raise LakePlacidError(
                f"no answer from 127.0.0.1:{port}: {error}",
                remedy="see whether the server is still there, and its error log",
            ) from error
        finally:
            for entry in list(selector.get_map().values()):
                entry.data.socket.close()
    return LoadResult(sum(by_file.values()), dict(by_file), time.perf_counter() - start)


def main(argv: Sequence[str] | None = None) -> int:
    """Run a load and print its counts as JSON."""
    parser = argparse.ArgumentParser(prog="nginx_load.py", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--requests", type=int, default=20000)
    parser.add_argument("--connections", type=int, default=8)
    options = parser.parse_args(argv)
    try:
        result = run_load(options.port, options.requests, connections=options.connections)
    except LakePlacidError as error:
        print(f"nginx_load: {error}", file=sys.stderr)
        return 1
    print(json.dumps(asdict(result)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
