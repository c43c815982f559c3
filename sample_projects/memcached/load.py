# SPDX-License-Identifier: GPL-2.0-only
"""A TCP client for memcached: mixed load from a seed, every answer verified against a model.

Each connection has its own keys and asks in lock step (one request under way), so a model of its
part of the store knows every answer in full. Usable by itself: `python load.py --port 11211`.
"""

from __future__ import annotations

import random
import re
import selectors
import socket
import struct
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields
from itertools import accumulate

from lp_build.demo.load_command import run_command
from lp_build.errors import LakePlacidError

KEYS = 100  # for each connection, unless told otherwise
COUNTERS = 10

# Broken requests, and memcached 1.6.18's answers to them.
BROKEN: tuple[tuple[bytes, bytes], ...] = (
    (b"bogus\r\n", b"ERROR\r\n"),
    (b"get\r\n", b"ERROR\r\n"),
    (b"get " + b"k" * 251 + b"\r\n", b"CLIENT_ERROR bad command line format\r\n"),
    (b"incr nowhere x\r\n", b"CLIENT_ERROR invalid numeric delta argument\r\n"),
    (b"set short x 0 1\r\n", b"CLIENT_ERROR bad command line format\r\n"),
)


@dataclass(frozen=True)
class Mix:
    """Relative shares of the kinds of request; they need not add up to one."""

    hit: float = 0.90
    miss: float = 0.03
    multi: float = 0.02
    cas: float = 0.01
    meta: float = 0.01
    set: float = 0.02
    delete: float = 0.002
    incr: float = 0.004
    touch: float = 0.001
    stats: float = 0.001
    broken: float = 0.002


GET_ONLY = Mix(0.97, 0.03, 0, 0, 0, 0, 0, 0, 0, 0, 0)


@dataclass(frozen=True)
class Request:
    """kind: a field of Mix. data: what is sent. answer: what must come back, as bytes or, where the
    server puts in something of its own, a pattern; that answer ends with `END`."""

    kind: str
    data: bytes
    answer: bytes | re.Pattern[bytes]


STATISTICS = re.compile(rb"(STAT \S+ [^\r]*\r\n)+END\r\n")
END = b"END\r\n"


@dataclass(frozen=True)
class LoadResult:
    """sent: requests, the preloading ones included; by_kind: how many of each kind; seconds:
    wall-clock time."""

    sent: int
    by_kind: dict[str, int]
    seconds: float


@dataclass
class TextClient:
    """Makes text-protocol requests for one connection and models its keys."""

    name: str
    mix: Mix
    seed: int
    keys: int = KEYS
    values: dict[str, tuple[int, bytes]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.random = random.Random(f"{self.seed}/{self.name}")
        self.kinds = [f.name for f in fields(Mix)]
        self.weights = list(accumulate(getattr(self.mix, kind) for kind in self.kinds))

    def preload(self) -> list[Request]:
        """A SET for each key."""
        return [self._set(f"{self.name}-{number}") for number in range(self.keys)]

    def draw(self) -> Request:
        """The next request of the mix."""
        kind = self.random.choices(self.kinds, cum_weights=self.weights)[0]
        key = f"{self.name}-{self.random.randrange(self.keys)}"
        return getattr(self, f"_{kind}")(key)  # type: ignore[no-any-return]

    def _value(self, key: str) -> bytes:
        if key not in self.values:
            return b""
        flags, value = self.values[key]
        return b"VALUE %s %d %d\r\n%s\r\n" % (key.encode(), flags, len(value), value)

    def _get(self, kind: str, keys: Sequence[str]) -> Request:
        line = f"get {' '.join(keys)}\r\n".encode()
        return Request(kind, line, b"".join(map(self._value, keys)) + END)

    def _hit(self, key: str) -> Request:
        return self._get("hit", [key])

    def _miss(self, key: str) -> Request:
        return self._get("miss", [f"{key}-absent"])

    def _multi(self, key: str) -> Request:
        others = [f"{self.name}-{self.random.randrange(self.keys)}" for _ in range(3)]
        return self._get("multi", [key, *others, f"{key}-absent"])

    def _cas(self, key: str) -> Request:
        # The answer to `gets` carries a number of the server's own.
        head, newline, rest = self._value(key).partition(b"\r\n")
        number = rb" \d+" if head else b""
        pattern = re.escape(head) + number + re.escape(newline + rest + END)
        return Request("cas", f"gets {key}\r\n".encode(), re.compile(pattern))

    def _meta(self, key: str) -> Request:
        line = f"mg {key} v f k\r\n".encode()
        if key not in self.values:
            return Request("meta", line, b"EN k%s\r\n" % key.encode())
        flags, value = self.values[key]
        answer = b"VA %d f%d k%s\r\n%s\r\n" % (len(value), flags, key.encode(), value)
        return Request("meta", line, answer)

    def _set(self, key: str) -> Request:
        # The lengths straddle several of memcached's slab classes.
        length = self.random.choice((1, 8, 30, 100, 300, 1000))
        value = bytes(self.random.choices(b"abcdefghijklmnopqrstuvwxyz", k=length))
        flags = self.random.randrange(0, 2**16)
        self.values[key] = (flags, value)
        data = b"set %s %d 0 %d\r\n%s\r\n" % (key.encode(), flags, length, value)
        return Request("set", data, b"STORED\r\n")

    def _delete(self, key: str) -> Request:
        known = self.values.pop(key, None) is not None
        return Request(
            "delete", f"delete {key}\r\n".encode(), b"DELETED\r\n" if known else b"NOT_FOUND\r\n"
        )

    def _incr(self, key: str) -> Request:
        key = f"{self.name}-n{self.random.randrange(COUNTERS)}"
        if key not in self.values:
            self.values[key] = (0, b"5")
            return Request("incr", f"add {key} 0 0 1\r\n5\r\n".encode(), b"STORED\r\n")
        step = self.random.randrange(100)
        flags, old = self.values[key]
        new = b"%d" % (int(old) + step)
        self.values[key] = (flags, new)
        return Request("incr", f"incr {key} {step}\r\n".encode(), new + b"\r\n")

    def _touch(self, key: str) -> Request:
        answer = b"TOUCHED\r\n" if key in self.values else b"NOT_FOUND\r\n"
        return Request("touch", f"touch {key} 0\r\n".encode(), answer)

    def _stats(self, key: str) -> Request:
        return Request("stats", b"stats\r\n", STATISTICS)

    def _broken(self, key: str) -> Request:
        data, answer = self.random.choice(BROKEN)
        return Request("broken", data, answer)


class Connection:
    """One connection in lock step: at most one request under way."""

    def __init__(self, port: int, timeout: float) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.request: Request | None = None
        self.received = b""

    def send(self, request: Request) -> None:
        """Send a request; its answer is awaited by `receive`."""
        self.request, self.received = request, b""
        self.socket.sendall(request.data)

    def receive(self) -> bool:
        """Take what has come; return True when the answer is whole (and verified)."""
        assert self.request is not None
        data = self.socket.recv(65536)
        if not data:
            raise _wrong(self.request, self.received, "the server closed the connection")
        self.received += data
        expected = self.request.answer
        if isinstance(expected, re.Pattern):
            if not self.received.endswith(END):
                return False
            if not expected.fullmatch(self.received):
                raise _wrong(self.request, self.received, f"it should match {expected.pattern!r}")
            return True
        if len(self.received) < len(expected) and expected.startswith(self.received):
            return False
        if self.received != expected:
            raise _wrong(self.request, self.received, f"it should be {expected!r}")
        return True


def _wrong(request: Request, received: bytes, reason: str) -> LakePlacidError:
    return LakePlacidError(
        f"{request.data[:80]!r}: the answer is {received[:200]!r}: {reason}",
        remedy="compare with the plain build; a difference is a bug in LakePlacid",
    )


def run_load(
    port: int,
    requests: int,
    *,
    mix: Mix | None = None,
    seed: int = 1,
    connections: int = 8,
    keys: int = KEYS,
    timeout: float = 30.0,
    progress: Callable[[int], None] | None = None,
) -> LoadResult:
    """Preload the keys, then send `requests` requests over `connections` connections.

    keys: for each connection. timeout: seconds to wait for an answer. progress: called with the
    number of requests answered since the last call. Raises LakePlacidError for a wrong or missing
    answer.
    """
    by_kind: Counter[str] = Counter()
    start = time.perf_counter()
    with selectors.DefaultSelector() as selector:
        try:
            waiting: dict[Connection, tuple[TextClient, list[Request]]] = {}
            for number in range(connections):
                client = TextClient(f"c{number}", mix or Mix(), seed, keys)
                connection = Connection(port, timeout)
                waiting[connection] = (client, client.preload()[::-1])
                selector.register(connection.socket, selectors.EVENT_READ, connection)
            left = requests

            def start_next(connection: Connection) -> bool:
                nonlocal left
                client, preload = waiting[connection]
                if preload:
                    request = preload.pop()
                elif left > 0:
                    left -= 1
                    request = client.draw()
                else:
                    return False
                by_kind[request.kind] += 1
                connection.send(request)
                return True

            busy = sum(start_next(connection) for connection in waiting)
            while busy:
                ready = selector.select(timeout)
                if not ready:
                    raise TimeoutError(f"no answer in {timeout} s")
                for key, _ in ready:
                    connection = key.data
                    if connection.receive():
                        if progress:
                            progress(1)
                        busy -= not start_next(connection)
        except OSError as error:
            raise LakePlacidError(
                f"no answer from 127.0.0.1:{port}: {error}",
                remedy="see whether the server is still there and what it printed",
            ) from error
        finally:
            for entry in list(selector.get_map().values()):
                entry.data.socket.close()
    return LoadResult(sum(by_kind.values()), dict(by_kind), time.perf_counter() - start)


def check_binary(port: int, gets: int = 100) -> None:
    """SET and GET by the binary protocol (one key, then its absence after DELETE)."""

    def ask(opcode: int, extras: bytes, key: bytes, value: bytes) -> tuple[int, bytes]:
        body = extras + key + value
        header = struct.pack(
            "!BBHBBHIIQ", 0x80, opcode, len(key), len(extras), 0, 0, len(body), 7, 0
        )
        connection.sendall(header + body)
        answer = stream.read(24)
        magic, _, _, extra, _, status, length, opaque, _ = struct.unpack("!BBHBBHIIQ", answer)
        if magic != 0x81 or opaque != 7:
            raise LakePlacidError(f"not a binary answer: {answer!r}", remedy="compare with plain")
        return status, stream.read(length)[extra:]

    with socket.create_connection(("127.0.0.1", port), 30) as connection:
        stream = connection.makefile("rb")
        results = [ask(1, struct.pack("!II", 3, 0), b"binary", b"value")]
        results += [ask(0, b"", b"binary", b"") for _ in range(gets)]
        results += [ask(4, b"", b"binary", b"")]
        status, _ = ask(0, b"", b"binary", b"")
    if results != [(0, b""), *[(0, b"value")] * gets, (0, b"")] or status != 1:
        raise LakePlacidError("wrong answers by the binary protocol", remedy="compare with plain")


def main(argv: Sequence[str] | None = None) -> int:
    """Run a load and print its counts as JSON."""

    def load(port: int, requests: int, *, mix: Mix, connections: int, seed: int) -> LoadResult:
        result = run_load(port, requests, mix=mix, connections=connections, seed=seed)
        check_binary(port)
        return result

    numbers = {"requests": 20000, "connections": 8, "seed": 1}
    return run_command(
        argv, prog="load.py", description=__doc__, numbers=numbers, mix=Mix, load=load
    )


if __name__ == "__main__":
    sys.exit(main())
