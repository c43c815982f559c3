# SPDX-License-Identifier: GPL-2.0-only
"""A client for `sample_projects/udp_kv`: mixed load from a seed, every reply verified.

The server answers in the order of arrival, so a model of the store on this side knows each reply
in full when it sends the request. Usable by itself: `python -m lp_build.demo.load --port 7411`.
"""

from __future__ import annotations

import random
import re
import socket
import sys
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields
from itertools import accumulate

from lp_build.demo.load_command import run_command
from lp_build.errors import LakePlacidError

KEYS = 500
COUNTERS = 50
METHODS = ("get", "set", "del", "incr", "stats", "quit")

# One of each kind of broken request, and what the server says to it.
BROKEN: tuple[tuple[str, str], ...] = (
    ("PUT k1 value", "unknown method"),
    ("get k1", "unknown method"),
    ("GET", "bad key"),
    ("GET " + "k" * 65, "bad key"),
    ("SET k1 " + "v" * 1025, "value too long"),
    ("STATS now", "too many words"),
)


@dataclass(frozen=True)
class Mix:
    """Relative shares of the kinds of request in a load; they need not add up to one."""

    hit: float = 0.93
    miss: float = 0.02
    set: float = 0.03
    delete: float = 0.005
    incr: float = 0.01
    stats: float = 0.001
    broken: float = 0.004


@dataclass(frozen=True)
class Request:
    """One datagram: its kind (a field of Mix), its text behind the id, and the reply to it."""

    kind: str
    text: str
    reply: str


@dataclass(frozen=True)
class LoadResult:
    """sent: requests in this load, the last STATS included; by_kind: how many of each kind.
    seconds: wall-clock time. server: the fields of the server's STATS reply after the load;
    expected: what they should be."""

    sent: int
    by_kind: dict[str, int]
    seconds: float
    server: dict[str, float]
    expected: dict[str, float]


class Store:
    """What the server must hold, and have counted, after the requests generated so far."""

    def __init__(self) -> None:
        self.values: dict[str, str] = {}
        self.counts: Counter[str] = Counter()

    def count(self, text: str, *, ok: bool) -> None:
        """Count a request as the server does."""
        self.counts["requests"] += 1
        if ok:
            self.counts[text.partition(" ")[0].lower()] += 1
        else:
            self.counts["errors"] += 1

    def get(self, key: str) -> str:
        """The reply to GET."""
        value = self.values.get(key)
        self.counts["hits" if value is not None else "misses"] += 1
        return "NONE" if value is None else f"VALUE {value}"

    def increment(self, key: str, step: int) -> str:
        """The reply to INCR."""
        old = self.values.get(key, "0")
        if not re.fullmatch(r"-?\d{1,18}", old):
            return "ERROR not a number"
        self.values[key] = str(int(old) + step)
        return f"NUMBER {self.values[key]}"

    def statistics(self) -> dict[str, float]:
        """The fields of the reply to STATS."""
        lookups = self.counts["hits"] + self.counts["misses"]
        total = sum(len(value) for value in self.values.values())
        return {
            "requests": self.counts["requests"],
            "errors": self.counts["errors"],
            **{name: self.counts[name] for name in METHODS},
            "keys": len(self.values),
            "hit_rate": self.counts["hits"] / lookups if lookups else 0.0,
            "mean_value_size": total / len(self.values) if self.values else 0.0,
        }


@dataclass
class Generator:
    """Makes requests of a mix from a seed, keeping the model in step."""

    mix: Mix
    seed: int
    store: Store = field(default_factory=Store)

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self.kinds = [f.name for f in fields(Mix)]
        self.weights = list(accumulate(getattr(self.mix, kind) for kind in self.kinds))

    def preload(self) -> list[Request]:
        """A SET for each key, so that the load finds something."""
        return [self._set(f"k{number}") for number in range(KEYS)]

    def draw(self) -> Request:
        """The next request of the mix."""
        kind = self.random.choices(self.kinds, cum_weights=self.weights)[0]
        return self.make(kind)

    def make(self, kind: str) -> Request:
        """A request of this kind; its parameters are random."""
        key = f"k{self.random.randrange(KEYS)}"
        if kind == "hit":
            # DEL may have taken the key: then this is a miss, and the model says so.
            return self._done(kind, f"GET {key}", self.store.get(key))
        if kind == "miss":
            absent = f"absent{self.random.randrange(KEYS)}"
            return self._done(kind, f"GET {absent}", self.store.get(absent))
        if kind == "set":
            return self._set(key)
        if kind == "delete":
            known = self.store.values.pop(key, None) is not None
            return self._done(kind, f"DEL {key}", "DELETED" if known else "NONE")
        if kind == "incr":
            # Now and then on a text, which is refused.
            counter = f"n{self.random.randrange(COUNTERS)}" if self.random.random() < 0.9 else key
            step = self.random.randrange(-99, 100)
            reply = self.store.increment(counter, step)
            return self._done(kind, f"INCR {counter} {step}", reply)
        if kind == "stats":
            return self._statistics()
        text, reason = self.random.choice(BROKEN)
        self.store.count(text, ok=False)
        return Request(kind, text, f"ERROR {reason}")

    def _set(self, key: str) -> Request:
        length = self.random.randrange(1, 100)
        value = "".join(self.random.choices("abcdefghijklmnopqrstuvwxyz ", k=length))
        self.store.values[key] = value
        return self._done("set", f"SET {key} {value}", "STORED")

    def _statistics(self) -> Request:
        self.store.count("STATS", ok=True)  # the server counts it before it answers it
        values = self.store.statistics().items()
        parts = [f"{name}={value:{_FORMATS.get(name, 'd')}}" for name, value in values]
        return Request("stats", "STATS", " ".join(["STATS", *parts]))

    def _done(self, kind: str, text: str, reply: str) -> Request:
        self.store.count(text, ok=True)
        return Request(kind, text, reply)


_FORMATS = {"hit_rate": ".4f", "mean_value_size": ".2f"}


def parse_statistics(reply: str) -> dict[str, float]:
    """The fields of a STATS reply."""
    return {name: float(value) for name, value in re.findall(r"(\w+)=([\d.]+)", reply)}


def run_load(
    port: int,
    requests: int,
    *,
    mix: Mix | None = None,
    seed: int = 1,
    window: int = 32,
    timeout: float = 20.0,
    progress: Callable[[int], None] | None = None,
) -> LoadResult:
    """Send `requests` requests (and before them one SET for each key, after them one STATS) to a
    server that has served nobody yet, and verify each reply.

    window: requests under way at once; 1 if the server may answer out of order. timeout: seconds
    to wait for a reply. progress: called with the number of requests answered since the last call.
    Raises LakePlacidError for a wrong or missing reply.
    """
    generator = Generator(mix or Mix(), seed)
    by_kind: Counter[str] = Counter()
    sent = 0
    start = time.perf_counter()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(timeout)
        client.connect(("127.0.0.1", port))
        todo: deque[Request] = deque(generator.preload())
        remaining = requests
        while todo or remaining:
            while len(todo) < window and remaining:
                todo.append(generator.draw())
                remaining -= 1
            batch = [todo.popleft() for _ in range(min(window, len(todo)))]
            for request, reply in zip(batch, _exchange(client, batch, sent), strict=True):
                if reply != request.reply:
                    raise LakePlacidError(
                        f"`{request.text}`: the reply is `{reply}`, it should be `{request.reply}`",
                        remedy="compare with the plain build; a difference is a bug in LakePlacid",
                    )
            sent += len(batch)
            by_kind.update(request.kind for request in batch)
            if progress:
                progress(len(batch))
        last = generator.make("stats")
        answer = _exchange(client, [last], sent)[0]
        sent += 1
        by_kind[last.kind] += 1
    seconds = time.perf_counter() - start
    return LoadResult(
        sent, dict(by_kind), seconds, parse_statistics(answer), parse_statistics(last.reply)
    )


def _exchange(client: socket.socket, batch: Sequence[Request], first: int) -> list[str]:
    """Send a batch and return the replies to it; `first` is the id of its first request."""
    replies = []
    try:
        for number, request in enumerate(batch, first):
            client.send(f"{number} {request.text}".encode())
        for number in range(first, first + len(batch)):
            name, _, reply = client.recv(4096).decode().partition(" ")
            if name != str(number):
                raise LakePlacidError(
                    f"the reply to request {name or '?'} came where that to {number} was due",
                    remedy="use --window 1 if the server may answer out of order",
                )
            replies.append(reply)
    except OSError as error:
        raise LakePlacidError(
            f"no reply to a request from {first} on: {error}",
            remedy="see whether the server is still there and what it printed",
        ) from error
    return replies


def main(argv: Sequence[str] | None = None) -> int:
    """Run a load and print its counts as JSON."""
    numbers = {"requests": 20000, "seed": 1, "window": 32}
    return run_command(
        argv, prog="demo_load", description=__doc__, numbers=numbers, mix=Mix, load=run_load
    )


if __name__ == "__main__":
    sys.exit(main())
