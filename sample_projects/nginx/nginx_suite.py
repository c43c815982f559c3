# SPDX-License-Identifier: GPL-2.0-only
"""A suite over the protocol for nginx: each test gives a transcript, the bytes that came back, and
runs of two builds are compared test by test.

Tests also fail by themselves where an answer is plainly wrong, so that a suite that broke is not
equal in all builds.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import re
import signal
import socket
import struct
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from nginx_server import (
    FILES,
    PAST,
    TEXTS,
    TIMEOUT,
    Server,
    content,
    new_site,
    serve,
    workers_of,
)

from lp_build.errors import LakePlacidError
from lp_build.serving import wait_until

EXCERPT = 400  # bytes of a transcript that reports show


@dataclass(frozen=True)
class TestResult:
    """One test. error: why it failed ("": it passed); digest: of its transcript, of which
    `transcript` is all that is printed."""

    name: str
    error: str
    digest: str
    transcript: str

    @property
    def outcome(self) -> tuple[bool, str]:
        """What must be equal from build to build."""
        return not self.error, self.digest


class Wrong(Exception):
    """An answer is not what it must be."""


def check(condition: bool, what: str) -> None:
    """Raise Wrong(what) unless the condition holds."""
    if not condition:
        raise Wrong(what)


class Client:
    """One connection to a server."""

    def __init__(self, server: Server, *, receive_buffer: int = 0) -> None:
        self.host = server.host
        self.socket = socket.socket()
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(TIMEOUT)
        self.socket.connect(("127.0.0.1", server.port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.stream = self.socket.makefile("rb")

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.stream.close()
        self.socket.close()

    def send(self, data: str | bytes) -> None:
        """Send it all."""
        self.socket.sendall(data.encode() if isinstance(data, str) else data)

    def head(self) -> bytes:
        """An answer's head, with the empty line; b"": the server closed the connection."""
        lines = []
        while (line := self.stream.readline()) not in (b"\r\n", b""):
            lines.append(line)
        return b"".join([*lines, line])

    def answer(self, *, body: bool = True) -> bytes:
        """One whole answer. body: False for the answer to HEAD."""
        head = self.head()
        while re.match(rb"HTTP/1.1 1\d\d ", head):
            head += self.head()
        status = re.findall(rb"HTTP/1\.\d (\d+)", head)
        if not body or not status or status[-1] in (b"204", b"304"):
            return head
        if re.search(rb"\r\nTransfer-Encoding: chunked\r\n", head):
            return head + self._chunks()
        if length := re.search(rb"\r\nContent-Length: (\d+)\r\n", head):
            return head + self.stream.read(int(length.group(1)))
        return head + self.stream.read()

    def _chunks(self) -> bytes:
        """A chunked body with the chunks' borders left out: they depend on timing."""
        parts = []
        while size := int(self.stream.readline(), 16):
            parts.append(self.stream.read(size))
            self.stream.readline()
        self.stream.readline()
        return b"".join(parts)

    def rest(self) -> bytes:
        """All until the server closes; a reset counts as an end."""
        try:
            return self.stream.read()
        except ConnectionResetError:
            return b"(reset)"

    def ask(self, path: str, headers: str = "", method: str = "GET", body: str = "") -> bytes:
        """One request and its answer."""
        self.send(f"{method} {path} HTTP/1.1\r\n{self.host}{headers}\r\n{body}")
        return self.answer(body=method != "HEAD")


def body_of(answer: bytes) -> bytes:
    """What follows the head."""
    return answer.partition(b"\r\n\r\n")[2]


def status_of(answer: bytes) -> int:
    """The number in the first line, or 0."""
    match = re.match(rb"HTTP/1\.\d (\d+)", answer)
    return int(match.group(1)) if match else 0


_CHANGING = (
    (re.compile(rb"\r\nDate: [^\r]*"), b"\r\nDate: *"),
    (re.compile(rb"(boundary=|--)\d{20}"), rb"\1*"),
)


def normalized(data: bytes, port: int) -> bytes:
    """A transcript without what differs from run to run: dates, ports, boundaries."""
    for pattern, replacement in _CHANGING:
        data = pattern.sub(replacement, data)
    return data.replace(b":%d" % port, b":PORT")


Test = Callable[[Server], bytes]
SHARED: dict[str, Test] = {}  # all of one server, in this order
LIFE: dict[str, Test] = {}  # each with a server of its own


def shared(test: Test) -> Test:
    """A test that leaves the server as it was."""
    SHARED[test.__name__] = test
    return test


def of_files(test: Test) -> Test:
    """A test that the server which has nothing but files is put to as well."""
    SHARED[f"{test.__name__}_alone"] = lambda server: test(replace(server, name="static.test"))
    return shared(test)


def life(test: Test) -> Test:
    """A test of signals, crashes and ends."""
    LIFE[test.__name__] = test
    return test


def get(server: Server, path: str, headers: str = "", method: str = "GET", body: str = "") -> bytes:
    """One request on a connection of its own."""
    with Client(server) as client:
        return client.ask(path, headers, method, body)


def get_all(server: Server, paths: Sequence[str], headers: str = "") -> bytes:
    """Several on one connection."""
    with Client(server) as client:
        return b"".join(client.ask(path, headers) for path in paths)


def raw(server: Server, data: str | bytes) -> bytes:
    """Send something on a connection of its own, and read until the server closes it."""
    with Client(server) as client:
        client.send(data)
        return client.rest()


# -- static files ---------------------------------------------------------------------------------


@of_files
def files(server: Server) -> bytes:
    names = [*FILES, *(name for name in TEXTS if not name.endswith("shtml"))]
    answers = []
    with Client(server) as client:
        for name in names:
            answer = client.ask("/" + name.replace(" ", "%20"))
            check(status_of(answer) == 200 and body_of(answer) == content(name), name)
            answers.append(answer)
    return b"".join(answers)


@of_files
def index_and_folders(server: Server) -> bytes:
    return get_all(server, ["/", "/dir/", "/dir", "/dir?a=b", "/list/deeper/", "/.//dir/../dir/"])


@of_files
def head(server: Server) -> bytes:
    paths = ["/", "/big.bin", "/empty.txt", "/absent", "/version", "/dir"]
    with Client(server) as client:
        return b"".join(client.ask(path, method="HEAD") for path in paths)


@shared
def not_found(server: Server) -> bytes:
    answers = get_all(server, ["/absent", "/plain404/absent", "/small.txt/absent", "/a%00b"])
    check(answers.startswith(b"HTTP/1.1 404 Not Found"), "status")
    return answers


@of_files
def long_keepalive(server: Server) -> bytes:
    return get_all(server, ["/", "/small.txt", "/absent", "/page.html"] * 50)


@shared
def http_1_0_and_0_9(server: Server) -> bytes:
    return b"".join(
        raw(server, text)
        for text in (
            "GET /small.txt HTTP/1.0\r\n\r\n",
            "GET / HTTP/1.0\r\nHost: other.test\r\n\r\n",
            "GET /small.txt\r\n",
            "GET /small.txt HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        )
    )


@of_files
def http_1_0_kept(server: Server) -> bytes:
    with Client(server) as client:
        answers = []
        for _ in range(5):
            client.send("GET /small.txt HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
            answers.append(client.answer())
        return b"".join(answers)


@shared
def pipelined(server: Server) -> bytes:
    paths = ["/", "/small.txt", "/absent", "/version", "/page.html", "/re/1/x", "/medium.bin"] * 6
    with Client(server) as client:
        client.send("".join(f"GET {path} HTTP/1.1\r\n{server.host}\r\n" for path in paths))
        answers = [client.answer() for _ in paths]
    check(body_of(answers[1]) == content("small.txt"), "the second answer")
    return b"".join(answers)


@of_files
def pipelined_in_odd_pieces(server: Server) -> bytes:
    data = "".join(f"GET /{name} HTTP/1.1\r\n{server.host}X-A: b\r\n\r\n" for name in FILES) * 3
    with Client(server) as client:
        for start in range(0, len(data), 53):
            client.send(data[start : start + 53])
        return b"".join(client.answer() for _ in range(3 * len(FILES)))


@of_files
def byte_by_byte(server: Server) -> bytes:
    with Client(server) as client:
        for byte in f"\r\nGET /small.txt?x=y HTTP/1.1\r\n{server.host}X-Long: a b c\r\n\r\n":
            client.send(byte)
        return client.answer()


@of_files
def long_headers_in_larger_buffers(server: Server) -> bytes:
    fields = "".join(f"X-{number}: {'v' * 90}\r\n" for number in range(15))
    return get(server, "/small.txt", fields) + get(server, "/small.txt?" + "q" * 800)


@of_files
def slow_reader(server: Server) -> bytes:
    with Client(server, receive_buffer=4096) as client:
        client.send(f"GET /big.bin HTTP/1.1\r\n{server.host}Connection: close\r\n\r\n")
        parts = []
        while part := client.socket.recv(30_011):
            parts.append(part)
    answer = b"".join(parts)
    check(body_of(answer) == content("big.bin"), "the file")
    return answer


@of_files
def many_connections(server: Server) -> bytes:
    clients = [Client(server) for _ in range(100)]
    for number, client in enumerate(clients):
        client.send(f"GET /{'medium.bin' if number % 3 else ''} HTTP/1.1\r\n{server.host}\r\n")
    answers = b"".join(client.answer() for client in clients)
    for client in clients:
        client.__exit__()
    return answers


@shared
def client_goes_away(server: Server) -> bytes:
    for data in (
        f"GET /big.bin HTTP/1.1\r\n{server.host}\r\n",
        "GET /small",
        f"POST /proxied/sink HTTP/1.1\r\n{server.host}Content-Length: 1000\r\n\r\nhalf",
        f"GET /slow/big.bin HTTP/1.1\r\n{server.host}\r\n",
        "",
    ):
        with Client(server) as client:
            client.send(data)
            if data.startswith("GET /big"):
                client.socket.recv(1)
            # A reset instead of an orderly end.
            linger = struct.pack("ii", 1, 0)
            client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    return get(server, "/small.txt")


@shared
def without_sendfile(server: Server) -> bytes:
    return get_all(server, [f"/no_sendfile/{name}" for name in FILES])


@shared
def by_threads(server: Server) -> bytes:
    return get_all(server, [f"/threads/{name}" for name in FILES])


@shared
def direct_io(server: Server) -> bytes:
    return get_all(server, [f"/direct/{name}" for name in FILES])


@shared
def open_file_cache(server: Server) -> bytes:
    return get_all(server, ["/cached_files/small.txt", "/cached_files/absent"] * 20)


@shared
def limited_rate(server: Server) -> bytes:
    answer = get(server, "/slow/medium.bin")
    check(body_of(answer) == content("medium.bin"), "the file")
    return answer


@of_files
def ranges(server: Server) -> bytes:
    answers = []
    for wanted in (
        "0-0", "10-19", "-5", "90-", "90-1000", "0-99", "100-200", "5-4", "x", "0-3,10-12",
        "0-3, 50-60, -1", "1-2,0-99,3-4", "200-300,0-1",
    ):  # fmt: skip
        answers.append(get(server, "/small.txt", f"Range: bytes={wanted}\r\n"))
    big = get(server, "/big.bin", "Range: bytes=1000000-2500000\r\n")
    check(body_of(big) == content("big.bin")[1000000:2500001], "the middle of the file")
    tag = re.search(rb"ETag: (\S+)", big)
    check(tag is not None, "ETag")
    assert tag is not None
    for condition in (tag.group(1).decode(), '"other"'):
        headers = f"Range: bytes=0-9\r\nIf-Range: {condition}\r\n"
        answers.append(get(server, "/big.bin", headers))
    return b"".join([*answers, big])


@of_files
def conditions(server: Server) -> bytes:
    first = get(server, "/small.txt")
    tag = re.search(rb"ETag: (\S+)", first)
    date = re.search(rb"Last-Modified: ([^\r]+)", first)
    assert tag is not None and date is not None
    mine, since = tag.group(1).decode(), date.group(1).decode()
    earlier = "Sat, 12 Sep 2020 12:26:40 GMT"
    answers = [first]
    for headers in (
        f"If-Modified-Since: {since}", f"If-Modified-Since: {earlier}", f"If-None-Match: {mine}",
        'If-None-Match: "x"', f'If-None-Match: "x", W/{mine}', "If-None-Match: *",
        f"If-Match: {mine}", 'If-Match: "x"', f"If-Unmodified-Since: {earlier}",
        f"If-Unmodified-Since: {since}", "If-Modified-Since: nonsense",
    ):  # fmt: skip
        answers.append(get(server, "/small.txt", headers + "\r\n"))
    check(status_of(answers[1]) == 304 and status_of(answers[3]) == 304, "not modified")
    check(status_of(answers[8]) == 412, "precondition failed")
    check(PAST == 1_600_000_000, "the time of files")
    return b"".join(answers)


@shared
def gzipped(server: Server) -> bytes:
    accept = "Accept-Encoding: gzip, deflate\r\n"
    answers = [
        get(server, f"/gzip/{name}", accept) for name in ("page.html", "koi8.txt", "list/a.txt")
    ]
    check(gzip.decompress(body_of(answers[0])) == content("page.html"), "the file")
    answers.append(get(server, "/gzip/page.html"))
    answers.append(get(server, "/gzip/page.html", "Accept-Encoding: gzip;q=0, *\r\n"))
    answers.append(get(server, "/gzip/page.html", accept + "Range: bytes=0-5\r\n"))
    answers.append(get(server, "/gzip_proxied/page.html", accept))
    check(gzip.decompress(body_of(answers[-1])) == content("page.html"), "the proxied file")
    return b"".join(answers)


@shared
def folder_listing(server: Server) -> bytes:
    return get_all(server, ["/list/", "/list_json/", "/list/deeper/"])


@shared
def charset(server: Server) -> bytes:
    answer = get(server, "/charset/koi8.txt")
    check("Привет".encode() in answer, "the text in UTF-8")
    return answer


@shared
def header_filters(server: Server) -> bytes:
    return get_all(server, ["/headers/small.txt", "/headers/absent"])


@shared
def empty_gif(server: Server) -> bytes:
    return get_all(server, ["/gif", "/gif"])


@shared
def server_side_includes(server: Server) -> bytes:
    answer = get_all(server, ["/ssi/all.shtml?x=1", "/ssi/all.shtml"])
    check(b"one 1 " in answer and content("small.txt") in answer, "the page")
    return answer


# -- requests that are not GETs of files ----------------------------------------------------------


@of_files
def post_to_file(server: Server) -> bytes:
    with Client(server) as client:
        length = "Content-Length: 5\r\n"
        answers = [client.ask("/small.txt", length, "POST", "hello") for _ in range(3)]
        answers.append(client.ask("/small.txt"))
    check(status_of(answers[0]) == 405 and status_of(answers[3]) == 200, "statuses")
    return b"".join(answers)


@of_files
def other_methods(server: Server) -> bytes:
    answers = [get(server, "/small.txt", method=m) for m in ("PUT", "DELETE", "OPTIONS", "PATCH")]
    answers += [get(server, "/echo", method=m) for m in ("PUT", "DELETE", "PROPFIND", "LOCK")]
    for line in ("TRACE /", "get /", "G-T /", "CONNECT a:1"):
        answers.append(raw(server, f"{line} HTTP/1.1\r\n{server.host}Connection: close\r\n\r\n"))
    return b"".join(answers)


@shared
def bodies(server: Server) -> bytes:
    answers = []
    for size in (0, 1, 1000, 4096, 4097, 100_000):
        length = f"Content-Length: {size}\r\n"
        answers.append(get(server, "/proxied/sink", length, "POST", "b" * size))
        check(b"POST %d by proxy" % size in answers[-1] or size == 0, f"{size} bytes")
    answers.append(get(server, "/proxied/sink", "Content-Length: 9\r\n", "PUT", "123456789"))
    return b"".join(answers)


@shared
def body_in_pieces(server: Server) -> bytes:
    with Client(server) as client:
        client.send(f"POST /proxied/sink HTTP/1.1\r\n{server.host}Content-Length: 20000\r\n\r\n")
        for _ in range(20):
            client.send("x" * 1000)
        return client.answer()


@shared
def chunked_body(server: Server) -> bytes:
    head = f"POST /proxied/sink HTTP/1.1\r\n{server.host}Transfer-Encoding: chunked\r\n\r\n"
    with Client(server) as client:
        client.send(head + "5\r\nhello\r\n" + "3e8\r\n" + "z" * 1000 + "\r\n0\r\n\r\n")
        answers = [client.answer()]
        client.send(head + "5;ext=1\r\nhello\r\n0\r\nTrailer: t\r\n\r\n")
        answers.append(client.answer())
    answers.append(raw(server, head + "xyz\r\n"))
    return b"".join(answers)


@shared
def expect_continue(server: Server) -> bytes:
    with Client(server) as client:
        headers = "Content-Length: 5\r\nExpect: 100-continue\r\nConnection: close\r\n"
        client.send(f"POST /proxied/sink HTTP/1.1\r\n{server.host}{headers}\r\n")
        first = client.head()
        check(first.startswith(b"HTTP/1.1 100"), "100 Continue")
        client.send("hello")
        return first + client.answer()


@shared
def body_too_large(server: Server) -> bytes:
    length = "Content-Length: {}\r\n"
    return b"".join(
        raw(server, f"POST {path} HTTP/1.1\r\n{server.host}{length.format(size)}\r\n")
        for path, size in (("/proxied/sink", 300_000), ("/dav_less", 101), ("/", 10**12))
    )


@of_files
def bad_requests(server: Server) -> bytes:
    answers = []
    for text in (
        "nonsense\r\n\r\n",
        "GET / HTTP/9.9\r\n\r\n",
        "GET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: ..\r\n\r\n",
        "GET /../../etc/passwd HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET small.txt HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: odd\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nno colon\r\nConnection: close\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n",
        "GET /" + "u" * 1500 + " HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX: " + "h" * 1500 + "\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\n" + "".join(f"X{n}: {'h' * 200}\r\n" for n in range(20)),
        "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    ):
        answers.append(raw(server, text + ("" if text.endswith("\r\n\r\n") else "\r\n")))
    return b"\n".join(answers)


@shared
def absolute_addresses(server: Server) -> bytes:
    close = f"{server.host}Connection: close\r\n\r\n"
    return b"".join(
        raw(server, f"GET {address} HTTP/1.1\r\n{close}")
        for address in (
            "http://main.test/small.txt", "http://other.test/x", "http://main.test",
            "/small.txt#part", "/small.txt?", "/list/b%20with%20blank.txt", "//index.html",
        )
    )  # fmt: skip


@shared
def virtual_servers(server: Server) -> bytes:
    answers = []
    for host in (
        "main.test",
        "OTHER.test",
        "other.test:80",
        "a.wild.test",
        "re7.test",
        "static.test",
        "nobody",
    ):
        answers.append(
            raw(server, f"GET /version HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")
        )
    check(b"other re7.test 7" in answers[4], "a server by a regular expression")
    return b"".join(answers)


# -- what the configuration's pointers lead to ----------------------------------------------------


@shared
def variables(server: Server) -> bytes:
    headers = "X-Test: t\r\nCookie: a=1; c=cake\r\n"
    answers = [get_all(server, ["/variables?a=1&b=2", "/variables", "/echo?q"], headers)]
    answers += [get(server, "/echo", f"X-Kind: {kind}\r\n") for kind in ("ax", "b", "c")]
    answers += [get(server, "/echo", f"X-Split: {number}\r\n") for number in range(6)]
    return b"".join(answers)


@shared
def regular_expressions(server: Server) -> bytes:
    return get_all(server, ["/re/12/rest/of", "/re/x/", "/if?n=3", "/if?n=x", "/if"])


@shared
def rewritten(server: Server) -> bytes:
    paths = ["/old/page?x=1", "/inner/small.txt", "/inner/absent", "/try/x"]
    forbidden = get(server, "/if", "X-If: yes\r\n")
    check(status_of(forbidden) == 403, "403")
    return get_all(server, paths) + forbidden


@shared
def passwords(server: Server) -> bytes:
    answers = [get(server, "/private/small.txt")]
    for word in ("dXNlcjpzZWNyZXQ=", "dXNlcjp3cm9uZw==", "bm9ib2R5OngK", "!"):
        answers.append(get(server, "/private/small.txt", f"Authorization: Basic {word}\r\n"))
    check([status_of(a) for a in answers[:3]] == [401, 200, 401], "statuses")
    return b"".join(answers)


@shared
def access_rules(server: Server) -> bytes:
    answers = [get(server, "/denied/small.txt"), get(server, "/referer")]
    answers += [
        get(server, "/referer", f"Referer: http://{host}/\r\n") for host in ("main.test", "evil")
    ]
    return b"".join(answers)


@shared
def limits(server: Server) -> bytes:
    once = get_all(server, ["/once/small.txt"] * 3)
    with Client(server) as busy:
        busy.send(f"GET /alone/big.bin HTTP/1.1\r\n{server.host}\r\n")
        busy.head()
        alone = get(server, "/alone/big.bin")
    check(status_of(alone) == 503, "503")
    return once + alone


@shared
def mirrored(server: Server) -> bytes:
    return get_all(server, ["/sub", "/sub?x"])


@shared
def proxied(server: Server) -> bytes:
    paths = [*FILES, "absent", "dir", "echo?a=b", "echo?a=b"]
    answers = get_all(server, [f"/proxied/{path}" for path in paths])
    check(content("big.bin") in answers, "the big file")
    return answers + get_all(server, [f"/proxied10/{path}" for path in paths])


@shared
def proxy_cache(server: Server) -> bytes:
    answers = get_all(server, ["/cached/page.html"] * 3 + ["/cached/absent"] * 2)
    check(answers.count(b"X-Cache: HIT") == 2, "two hits")
    return answers


@shared
def upstream_that_is_not_there(server: Server) -> bytes:
    answer = get(server, "/gone/")
    check(status_of(answer) == 502, "502")
    return answer


@shared
def access_log(server: Server) -> bytes:
    for path in ("/small.txt", "/absent", "/re/5/x", "/empty.txt", "/logged%22/\xe9"):
        text = f"GET {path} HTTP/1.1\r\n{server.host}User-Agent: suite\r\nConnection: close\r\n\r\n"
        raw(server, text)
    raw(server, "suite\r\n")
    # A line is written when the answer is on its way.
    wait_until("six lines", lambda: len(suite_lines(server)) == 6)
    return b"".join(suite_lines(server))


def suite_lines(server: Server) -> list[bytes]:
    """The lines of the access log about requests that `access_log` made."""
    lines = server.site.access_log.read_bytes().splitlines(keepends=True)
    return [line for line in lines if b'"suite' in line and line.endswith(b"\n")]


@shared
def configuration_is_tested(server: Server) -> bytes:
    done = subprocess.run(
        [*server.command, "-t"],
        env=server.environment,
        capture_output=True,
        timeout=TIMEOUT,
        check=False,
    )
    check(done.returncode == 0, "exit status 0")
    return done.stderr.replace(str(server.site.root).encode(), b"SITE")


# -- signals, crashes, ends -----------------------------------------------------------------------


def errors(server: Server, text: str) -> bool:
    """Whether the error log has it."""
    return text in server.site.error_log.read_text(errors="replace")


@life
def reload(server: Server) -> bytes:
    with Client(server) as old:
        answers = [old.ask("/version")]
        old.send("GET /version HTTP/1.1\r\n")  # under way while the new configuration is loaded
        worker = server.worker()
        server.site.configure(server.port, "two")
        server.signal(signal.SIGHUP)
        wait_until("new worker", lambda: get(server, "/version").endswith(b"two\n"))
        wait_until("old worker's end", lambda: errors(server, "gracefully shutting down"))
        old.send(f"{server.host}\r\n")
        answers += [old.answer(), old.rest()]
    check(b"one" in answers[1], "the old worker's answer")
    wait_until("end of the old worker", lambda: worker not in server.workers())
    answers.append(get_all(server, ["/version", "/small.txt", "/absent"]))
    return b"".join(answers)


@life
def reload_again_and_again(server: Server) -> bytes:
    answers = []
    for number in range(5):
        old = [server.worker()]
        server.site.configure(server.port, f"v{number}")
        server.signal(signal.SIGHUP)
        wait_until("new worker", lambda old=old: server.workers() not in ([], old))
        wait_until("end of the old worker", lambda old=old: not {*old} & {*server.workers()})
        answers.append(get_all(server, ["/version", "/medium.bin", "/proxied/small.txt"]))
    return b"".join(answers)


@life
def reload_of_a_broken_configuration(server: Server) -> bytes:
    before = get(server, "/version")
    (server.site.root / "nginx.conf").write_text("nonsense;\n")
    server.signal(signal.SIGHUP)
    wait_until("message", lambda: errors(server, "unknown directive"))
    return before + get_all(server, ["/version", "/small.txt"])


@life
def logs_are_opened_again(server: Server) -> bytes:
    site = server.site
    moved = site.access_log.with_suffix(".1")
    with Client(server) as client:
        answers = [client.ask("/small.txt"), client.ask("/version")]
        site.access_log.rename(moved)
        answers.append(client.ask("/absent"))  # goes to the file that was moved
        server.signal(signal.SIGUSR1)
        wait_until("new log", site.access_log.exists)
        # The master makes the file; the worker changes over when it has been told to.
        wait_until("entry", lambda: bool(client.ask("/version") and site.access_log.stat().st_size))
        answers.append(client.ask("/empty.txt"))
        client.ask("/version")  # what was logged before this is answered is in the file
    old, new = moved.read_bytes(), site.access_log.read_bytes()
    check(b"/absent" in old and b"/empty.txt" in new and b"/empty.txt" not in old, "the logs")
    return b"".join(answers)


@life
def worker_crashes(server: Server) -> bytes:
    answers = []
    for number in (signal.SIGSEGV, signal.SIGKILL, signal.SIGABRT):
        worker = server.worker()
        with Client(server) as client:
            answers.append(client.ask("/small.txt"))
            os.kill(worker, number)
            answers.append(client.rest())
        wait_until("new worker", lambda worker=worker: server.workers() not in ([], [worker]))
        answers.append(get_all(server, ["/small.txt", "/absent", "/"]))
    return b"".join(answers)


@life
def graceful_quit(server: Server) -> bytes:
    with Client(server, receive_buffer=4096) as client, Client(server) as idle:
        idle.ask("/small.txt")
        client.send(f"GET /big.bin HTTP/1.1\r\n{server.host}\r\n")
        head = client.head()
        server.signal(signal.SIGQUIT)
        check(idle.rest() == b"", "the idle connection is closed")
        wait_until("refusal", lambda: refused(server.port))
        check(server.process.poll() is None, "it waits for the answer that is under way")
        rest = client.rest()
    check(rest == content("big.bin"), "the file that was under way")
    check(server.process.wait(TIMEOUT) == 0, "exit status 0")
    return head + rest


@life
def fast_end(server: Server) -> bytes:
    with Client(server) as client:
        answer = client.ask("/small.txt")
        client.send("GET /small.txt")
        server.signal(signal.SIGTERM)
        answer += client.rest()
    check(server.process.wait(TIMEOUT) == 0, "exit status 0")
    return answer


@life
def new_binary(server: Server) -> bytes:
    """A daemon starts a new master, which takes over its sockets; then the old one is ended."""
    server.signal(signal.SIGQUIT)
    check(server.process.wait(TIMEOUT) == 0, "exit status 0")
    done = subprocess.run(server.command, env=server.environment, timeout=TIMEOUT, check=False)
    check(done.returncode == 0, "a daemon")
    wait_until("number", lambda: has_number(server.site.pid_file))
    try:
        return take_over(server, int(server.site.pid_file.read_text()))
    finally:
        for path in server.site.pid_file.parent.glob("nginx.pid*"):
            os.kill(int(path.read_text()), signal.SIGTERM)


def take_over(server: Server, old: int) -> bytes:
    """What `new_binary` does with the daemon `old`."""
    pid_file = server.site.pid_file
    with Client(server) as kept:
        answers = [kept.ask("/small.txt")]
        os.kill(old, signal.SIGUSR2)
        wait_until("old number", pid_file.with_suffix(".pid.oldbin").exists)
        wait_until("new number", lambda: has_number(pid_file))
        new = int(pid_file.read_text())
        wait_until("new worker", lambda: len(workers_of(new)) == 1)
        os.kill(old, signal.SIGWINCH)  # its workers end, the old master does not
        answers.append(kept.rest())
    wait_until("end of the old worker", lambda: workers_of(old) == [])
    answers.append(get_all(server, ["/small.txt", "/version", "/absent"]))
    os.kill(old, signal.SIGQUIT)
    wait_until("end of the old master", lambda: ended(old))
    answers.append(get_all(server, ["/small.txt", "/version"]))
    os.kill(new, signal.SIGQUIT)
    wait_until("end of the new master", lambda: ended(new))
    check(refused(server.port), "nobody listens")
    return b"".join(answers)


def has_number(path: Path) -> bool:
    """Whether nginx has made this file and written to it."""
    return path.exists() and path.read_text().strip().isdigit()


def ended(process: int) -> bool:
    """Whether a process that is no child of ours has ended, though nobody may have reaped it."""
    try:
        return "\nState:\tZ" in Path(f"/proc/{process}/status").read_text()
    except OSError:
        return True


def refused(port: int) -> bool:
    """Whether nobody listens any more."""
    try:
        socket.create_connection(("127.0.0.1", port), TIMEOUT).close()
    except ConnectionRefusedError:
        return True
    return False


# -- runs -----------------------------------------------------------------------------------------


def run_test(name: str, test: Test, server: Server) -> TestResult:
    """One test against a running server."""
    error, transcript = "", b""
    try:
        transcript = normalized(test(server), server.port)
    except (Wrong, OSError, ValueError, LakePlacidError, subprocess.SubprocessError) as failure:
        error = f"{type(failure).__name__}: {failure}"
    digest = hashlib.sha256(transcript).hexdigest()
    return TestResult(name, error, digest, transcript.decode("latin-1"))


def run_suite(
    program: Path, environment: Mapping[str, str], names: Sequence[str] = ()
) -> tuple[dict[str, TestResult], list[str]]:
    """Run the tests (names: only these). In the values of `environment`, {} stands for the site's
    folder. Returns the results, and what the processes wrote to `{}/stats`."""
    results: dict[str, TestResult] = {}
    statistics: list[str] = []
    wanted = [*SHARED, *LIFE] if not names else list(names)
    groups = [[name for name in wanted if name in SHARED]]
    groups += [[name] for name in wanted if name in LIFE]
    for group in filter(None, groups):
        with new_site() as site:
            settings = {
                key: value.replace("{}", str(site.root)) for key, value in environment.items()
            }
            try:
                with serve(program, site, settings) as server:
                    for name in group:
                        results[name] = run_test(name, {**SHARED, **LIFE}[name], server)
            except LakePlacidError as failure:
                name = group[-1]
                error = f"{results[name].error if name in results else ''} {failure}".strip()
                results[name] = TestResult(name, error, "", "")
            statistics += [path.read_text() for path in sorted(site.statistics.iterdir())]
    return results, statistics


def differences(
    plain: Mapping[str, TestResult], other: Mapping[str, TestResult]
) -> list[tuple[TestResult, TestResult]]:
    """The tests whose outcome is not the plain server's. Raises LakePlacidError when other tests
    were run."""
    if plain.keys() != other.keys():
        raise LakePlacidError(
            f"not the same tests: {sorted(plain.keys() ^ other.keys())}",
            remedy="run both variants with the same tests",
        )
    return [
        (plain[name], other[name]) for name in plain if plain[name].outcome != other[name].outcome
    ]


def first_difference(one: str, other: str) -> str:
    """Where two transcripts part, with what stands there in each."""
    at = next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), None)
    if at is None:
        at = min(len(one), len(other))
    start = max(0, at - 80)
    return f"at {at}: {one[start : start + EXCERPT]!r}\n    not: {other[start : start + EXCERPT]!r}"
