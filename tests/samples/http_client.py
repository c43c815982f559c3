# SPDX-License-Identifier: GPL-2.0-only
"""A client for sample_projects/http_events: a fixed series of requests from a seed, in pieces of
odd sizes, over several connections; gives what came back, byte by byte."""

from __future__ import annotations

import random
import socket
from dataclasses import dataclass
from pathlib import Path

from lp_build.serving import wait_until

HELLO = b"GET /hello HTTP/1.1\r\n\r\n"
ODD = (
    b"HEAD /hello HTTP/1.1\r\n\r\n",
    b"GET /nowhere HTTP/1.1\r\n\r\n",
    b"DELETE /upper HTTP/1.1\r\n\r\n",
    b"POST /upper HTTP/1.1\r\nContent-Length: 11\r\n\r\nmixed Case!",
    b"GET /count HTTP/1.1\r\nUser-Agent: test\r\n\r\n",
)
LAST = (
    b"GET /hello HTTP/1.0\r\n\r\n",
    b"GET /hello HTTP/1.1\r\nConnection: close\r\n\r\n",
    b"what is this\r\n\r\n",
    b"POST /upper HTTP/1.1\r\nContent-Length: 9999999\r\n\r\n",
)


@dataclass(frozen=True)
class Exchange:
    """replies: of each connection; requests: how many were sent in all."""

    replies: tuple[bytes, ...]
    requests: int


def exchange(
    port: int, connections: int, *, odd: float = 0.3, seed: int = 1, paced: bool = False
) -> Exchange:
    """One connection after the other, each with some requests; `odd`: the share that isn't the
    usual one. Each connection is closed by the server in the end. paced: each piece is sent when
    the server has read the last one, so that it reads as often on a slow machine."""
    rng = random.Random(seed)
    replies, requests = [], 0
    for _ in range(connections):
        count = rng.randint(1, 12)
        wanted = [rng.choice(ODD) if rng.random() < odd else HELLO for _ in range(count)]
        data = b"".join([*wanted, rng.choice(LAST)])
        replies.append(_converse(port, data, rng, paced))
        requests += count + 1
    return Exchange(tuple(replies), requests)


def _converse(port: int, data: bytes, rng: random.Random, paced: bool) -> bytes:
    with socket.create_connection(("127.0.0.1", port), 10) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        at = 0
        while at < len(data):
            size = rng.choice((len(data), rng.randint(1, 40)))
            connection.sendall(data[at : at + size])
            at += size
            if paced:
                _wait_until_read(connection)
        received = []
        while piece := connection.recv(65536):
            received.append(piece)
    return b"".join(received)


def _wait_until_read(connection: socket.socket) -> None:
    """Until the other end, which is on this machine, has nothing left to read."""
    ends = connection.getsockname(), connection.getpeername()
    mine, its = (f":{port:04X}" for _, port in ends)

    def is_read() -> bool:
        rows = (line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:])
        queues = [row[4] for row in rows if row[1].endswith(its) and row[2].endswith(mine)]
        # No end: the server has closed it.
        return not queues or queues[0].endswith(":00000000")

    wait_until("server that reads", is_read, 20)
