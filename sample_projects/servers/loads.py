# SPDX-License-Identifier: GPL-2.0-only
"""What clients do to a server, each answer looked at. A load runs in this process."""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass

from lp_build.errors import LakePlacidError

TIMEOUT = 10.0  # seconds, for one answer
HOSTS = 99
NTP_CLIENT = 0x23  # version 4, mode 3
NTP_SERVER = 4


@dataclass(frozen=True)
class Load:
    """requests: sent and answered rightly, within so many seconds."""

    requests: int
    seconds: float

    @property
    def rate(self) -> float:
        """Requests a second."""
        return self.requests / self.seconds


def http_load(port: int, count: int, *, keep_alive: bool, page: str = "/") -> Load:
    """GETs of one page, over one connection or over one for each."""
    head = "keep-alive" if keep_alive else "close"
    request = f"GET {page} HTTP/1.1\r\nHost: x\r\nConnection: {head}\r\n\r\n".encode()
    stream: socket.socket | None = None
    body = b""
    began = time.monotonic()
    for _ in range(count):
        if stream is None:
            stream = socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT)
            stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        stream.sendall(request)
        answer, closes = _http_answer(stream)
        if body not in (b"", answer):
            raise LakePlacidError("an answer differs from the first", remedy="look at the server")
        body = answer
        if closes or not keep_alive:
            stream.close()
            stream = None
    seconds = time.monotonic() - began
    if stream is not None:
        stream.close()
    return Load(count, seconds)


def _http_answer(stream: socket.socket) -> tuple[bytes, bool]:
    """The body of one answer, and whether the server closes behind it."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += _some(stream)
    head, _, body = data.partition(b"\r\n\r\n")
    fields = {
        name.strip().lower(): value.strip()
        for name, _, value in (line.partition(b":") for line in head.split(b"\r\n")[1:])
    }
    if b" 200 " not in head.split(b"\r\n")[0] or b"content-length" not in fields:
        raise LakePlacidError(f"an answer begins {head[:60]!r}", remedy="look at the server")
    while len(body) < int(fields[b"content-length"]):
        body += _some(stream)
    return body, fields.get(b"connection", b"").lower() == b"close"


def _some(stream: socket.socket) -> bytes:
    data = stream.recv(65536)
    if not data:
        raise LakePlacidError("the server closed too early", remedy="look at the server")
    return data


def redis_load(port: int, count: int) -> Load:
    """SETs and GETs in turn, over one connection, each GET answered with what was set."""

    def words(*each: bytes) -> bytes:
        return b"*%d\r\n" % len(each) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in each)

    with socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT) as stream:
        stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        began = time.monotonic()
        for number in range(count):
            pair = number // 2
            key, value = b"key:%d" % (pair % HOSTS), b"value %d" % pair
            if number % 2 == 0:
                asked, expected = words(b"SET", key, value), b"+OK\r\n"
            else:
                asked, expected = words(b"GET", key), b"$%d\r\n%s\r\n" % (len(value), value)
            stream.sendall(asked)
            answer = b""
            while len(answer) < len(expected):
                answer += _some(stream)
            if answer != expected:
                raise LakePlacidError(f"a wrong answer: {answer!r}", remedy="look at the server")
        return Load(count, time.monotonic() - began)


def dns_load(port: int, count: int) -> Load:
    """Queries of the addresses of hosts, each answered with its own, one after the other."""

    def question(number: int) -> bytes:
        name = f"host{number % HOSTS + 1}".encode()
        asked = bytes([len(name)]) + name + b"\x07example\x00" + struct.pack(">HH", 1, 1)
        return struct.pack(">HHHHHH", number & 0xFFFF, 0x0100, 1, 0, 0, 0) + asked

    def is_right(number: int, asked: bytes, answer: bytes) -> bool:
        address = socket.inet_aton(f"192.0.2.{number % HOSTS + 1}")
        return answer[:2] == asked[:2] and address in answer

    return _datagrams(port, count, question, is_right)


def ntp_load(port: int, count: int) -> Load:
    """A client's questions for the time, one after the other."""

    def question(number: int) -> bytes:
        return bytes([NTP_CLIENT]) + bytes(39) + struct.pack(">Q", number + 1)

    def is_right(number: int, asked: bytes, answer: bytes) -> bool:
        mode = answer[0] & 7 if len(answer) == 48 else 0
        return mode == NTP_SERVER and answer[24:32] == asked[40:]

    return _datagrams(port, count, question, is_right)


def _datagrams(
    port: int,
    count: int,
    question: Callable[[int], bytes],
    is_right: Callable[[int, bytes, bytes], bool],
) -> Load:
    """Ask `count` questions by their numbers, and look at each answer."""
    with socket.socket(type=socket.SOCK_DGRAM) as peer:
        peer.settimeout(TIMEOUT)
        peer.connect(("127.0.0.1", port))
        began = time.monotonic()
        for number in range(count):
            asked = question(number)
            peer.send(asked)
            answer = peer.recv(2048)
            if not is_right(number, asked, answer):
                raise LakePlacidError(f"a wrong answer: {answer!r}", remedy="look at the server")
        return Load(count, time.monotonic() - began)
