# SPDX-License-Identifier: GPL-2.0-only
"""Loads for redis: GETs and SETs, every answer verified; and a fixed course of other commands,
whose answers are compared between builds."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from redis_server import Connection, serve

from lp_build.errors import LakePlacidError
from lp_build.serving import wait_until

VALUES = (3, 30, 300)  # bytes of a value
GETS = 0.7  # share of GETs; the rest are SETs
PIPELINE = 8  # the most commands that a client sends at once
Check = tuple[Sequence[str], bytes]


def value_of(key: int, version: int) -> str:
    """What a key holds."""
    return f"{key}.{version}.".ljust(VALUES[key % len(VALUES)], "x")


def bulk(value: str | None) -> bytes:
    """A value as an answer; None: no such key."""
    return b"$-1\r\n" if value is None else b"$%d\r\n%s\r\n" % (len(value), value.encode())


class Keys:
    """The keys of one connection, and what they hold by now."""

    def __init__(self, connection: int, count: int, dice: random.Random) -> None:
        self.prefix = f"c{connection}:"
        self.count = count
        self.dice = dice
        self.held: dict[int, str] = {}

    def store(self, key: int, version: int) -> Check:
        """A SET, and its answer."""
        self.held[key] = value_of(key, version)
        return (self.dice.choice(("SET", "set")), f"{self.prefix}{key}", self.held[key]), b"+OK\r\n"

    def draw(self) -> Check:
        """A GET (of a key that is there, or now and then is not) or a SET, and its answer."""
        key = self.dice.randrange(self.count)
        if self.dice.random() >= GETS:
            return self.store(key, self.dice.randrange(1000))
        get = self.dice.choice(("GET", "get"))  # clients write either
        if self.dice.random() < 0.1:
            return (get, f"{self.prefix}none{key}"), bulk(None)
        return (get, f"{self.prefix}{key}"), bulk(self.held[key])


def run_load(
    port: int, requests: int, *, connections: int = 4, keys: int = 50, seed: int = 1
) -> int:
    """Store all keys and send this many commands more, from some connections that are served at
    the same time; return how many commands there were. Raises LakePlacidError on a wrong answer."""
    dice = random.Random(seed)
    sent = 0
    with ExitStack() as stack:
        links = [stack.enter_context(Connection(port)) for _ in range(connections)]
        held = [Keys(number, keys, dice) for number in range(connections)]
        for link, own in zip(links, held, strict=True):
            _exchange([(link, [own.store(key, 0)]) for key in range(keys)])
        while sent < requests:
            turn = []
            for link, own in zip(links, held, strict=True):
                length = dice.choice((1, 1, 1, 1, 1, 1, 1, PIPELINE))
                turn.append((link, [own.draw() for _ in range(length)]))
            sent += _exchange(turn)
    return sent + connections * keys


def _exchange(turn: Sequence[tuple[Connection, Sequence[Check]]]) -> int:
    for link, checks in turn:
        link.send(*[command for command, _ in checks])
    for link, checks in turn:
        for command, expected in checks:
            if (got := link.receive()) != expected:
                raise LakePlacidError(
                    f"{' '.join(command)} was answered {got[:80]!r} instead of {expected[:80]!r}",
                    remedy="compare with the plain build",
                )
    return sum(len(checks) for _, checks in turn)


def transcript(program: Path, environment: Mapping[str, str], folder: Path, seed: int = 1) -> str:
    """What a server answers to a fixed course of commands of most types, with a BGSAVE amid them;
    and what is in its dump, by a second server that is started from it. One line a command."""
    lines = []
    dice = random.Random(seed)
    with (
        serve(program, environment, folder) as server,
        Connection(server.port) as client,
        Connection(server.port) as admin,  # which is never within a MULTI
    ):

        def ask(link: Connection, *words: str) -> None:
            lines.append(f"{' '.join(words)[:60]}: {_shown(link.ask(*words))}")

        for number in range(1200):
            ask(client, *_command(dice, number))
        ask(admin, "BGSAVE")
        for number in range(300):  # while the child writes what there was before
            ask(client, *_command(dice, number))
        wait_until("dump", lambda: b"rdb_bgsave_in_progress:0" in admin.ask("INFO", "persistence"))
        saved = b"rdb_last_bgsave_status:ok" in admin.ask("INFO", "persistence")
        lines.append(f"saved: {saved}")
        ask(admin, "DEBUG", "DIGEST")
        ask(admin, "DEBUG", "RELOAD")
        ask(admin, "DEBUG", "DIGEST")
        ask(admin, "BGSAVE")
        wait_until("dump", lambda: b"rdb_bgsave_in_progress:0" in admin.ask("INFO", "persistence"))
    with serve(program, environment, folder) as server, Connection(server.port) as admin:
        lines.append(f"from its dump: {_shown(admin.ask('DEBUG', 'DIGEST'))}")
    return "\n".join(lines)


def _shown(answer: bytes) -> str:
    return f"{len(answer)} {hashlib.sha256(answer).hexdigest()[:16]} {answer[:40]!r}"


def _command(dice: random.Random, number: int) -> tuple[str, ...]:
    """A command whose answer depends on nothing but those before it."""
    key, text = f"k{dice.randrange(20)}", f"v{dice.randrange(30)}"
    small, large = str(dice.randrange(30)), "y" * dice.randrange(3000)
    return dice.choice(
        [
            ("SET", f"s:{key}", text),
            ("SET", f"s:{key}", large),
            ("GET", f"s:{key}"),
            ("GET", f"none:{key}"),
            ("GET", f"l:{key}"),  # another type, or none
            ("SET", f"s:{key}", text, "NX"),
            ("SET", f"s:{key}", text, "EX", "100000"),
            ("GETSET", f"s:{key}", text),
            ("APPEND", f"s:{key}", text),
            ("SETRANGE", f"s:{key}", small, text),
            ("STRLEN", f"s:{key}"),
            ("DEL", f"s:{key}"),
            ("INCRBY", f"n:{key}", small),
            ("INCRBYFLOAT", f"f:{key}", "0.25"),
            ("MGET", f"s:{key}", f"n:{key}", f"none:{key}"),
            ("MSET", f"s:{key}", text, f"s:{text}", large),
            ("RPUSH", f"l:{key}", text, small, large),
            ("LRANGE", f"l:{key}", "0", small),
            ("LPOP", f"l:{key}"),
            ("HSET", f"h:{key}", text, small, "other", large),
            ("HGET", f"h:{key}", text),
            ("SADD", f"i:{key}", small),
            ("SMEMBERS", f"i:{key}"),  # of integers only, so in order
            ("ZADD", f"z:{key}", small, text),
            ("ZRANGE", f"z:{key}", "0", "-1", "WITHSCORES"),
            ("ZRANGEBYSCORE", f"z:{key}", "5", "(20"),
            ("SETBIT", f"b:{key}", small, "1"),
            ("BITCOUNT", f"b:{key}"),
            ("PFADD", f"p:{key}", text),
            ("PFCOUNT", f"p:{key}"),
            ("EVAL", "return redis.call('incr', KEYS[1]) + #ARGV[1]", "1", f"n:{key}", text),
            ("EVAL", "return redis.pcall('get', KEYS[1])", "1", f"l:{key}"),
            ("SORT", f"i:{key}", "DESC"),
            ("OBJECT", "ENCODING", f"s:{key}"),
            ("EXISTS", f"s:{key}", f"l:{key}"),
            ("RENAME", f"n:{key}", f"n:{small}"),
            ("TYPE", f"z:{key}"),
            ("ECHO", text),
            ("GET",),
            ("NOSUCH", key),
            ("SET", f"s:{key}", text, "WRONG"),
            ("SELECT", str(number % 3)),
            ("MULTI",),
            ("EXEC",),
            ("EXEC",),
            ("DISCARD",),
        ]
    )
