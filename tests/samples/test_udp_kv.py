# SPDX-License-Identifier: GPL-2.0-only
"""udp_kv itself, built by the plain compiler: what the specialised one is compared with."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from pathlib import Path

import pytest

from lp_build.demo.load import run_load
from lp_build.demo.server import Server, start
from lp_build.errors import LakePlacidError


def ask(server: Server, *requests: str) -> list[str]:
    """Send the requests one after the other and return the replies."""
    replies = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(10)
        client.connect(("127.0.0.1", server.port))
        for request in requests:
            client.send(request.encode())
            replies.append(client.recv(4096).decode())
    return replies


@pytest.mark.parametrize(
    ("request_text", "reply"),
    [
        ("1 GET nothing", "1 NONE"),
        ("1 SET a b c", "1 STORED"),
        ("1 SET a", "1 STORED"),
        ("1 DEL a", "1 NONE"),
        ("1 INCR n", "1 NUMBER 1"),
        ("1 INCR n -7", "1 NUMBER -7"),
        ("1 INCR n 1x", "1 ERROR not a number"),
        ("1 PUT a b", "1 ERROR unknown method"),
        ("1", "1 ERROR unknown method"),
        ("", " ERROR bad id"),
        (" GET a", " ERROR bad id"),
        ("x" * 17 + " GET a", " ERROR bad id"),
        ("1 GET", "1 ERROR bad key"),
        ("1 GET " + "k" * 64, "1 NONE"),
        ("1 GET " + "k" * 65, "1 ERROR bad key"),
        ("1 SET a " + "v" * 1024, "1 STORED"),
        ("1 SET a " + "v" * 1025, "1 ERROR value too long"),
        ("1 QUIT now", "1 ERROR too many words"),
    ],
)
def test_reply_to_a_single_request(plain_server: Server, request_text: str, reply: str) -> None:
    assert ask(plain_server, request_text) == [reply]


def test_value_is_kept_replaced_counted_and_removed(plain_server: Server) -> None:
    replies = ask(
        plain_server, "1 SET a x y", "2 GET a", "3 SET a 41", "4 INCR a", "5 DEL a", "6 GET a"
    )
    assert replies == ["1 STORED", "2 VALUE x y", "3 STORED", "4 NUMBER 42", "5 DELETED", "6 NONE"]


def test_statistics_count_each_request_once_and_broken_ones_too(plain_server: Server) -> None:
    reply = ask(plain_server, "1 SET a xy", "2 SET b xyz", "3 GET a", "4 nonsense", "5 STATS")[-1]
    assert reply == (
        "5 STATS requests=5 errors=1 get=1 set=2 del=0 incr=0 stats=1 quit=0 "
        "keys=2 hit_rate=1.0000 mean_value_size=2.50"
    )


def test_table_grows_and_keeps_all_values(plain_server: Server) -> None:
    assert set(ask(plain_server, *[f"1 SET key{n} {n}" for n in range(3000)])) == {"1 STORED"}
    replies = ask(plain_server, *[f"1 GET key{n}" for n in range(3000)])
    assert replies == [f"1 VALUE {n}" for n in range(3000)]


def test_quit_answers_and_ends_the_server(plain_udp_kv: Path) -> None:
    with start(plain_udp_kv, os.environ) as server:
        assert ask(server, "1 QUIT") == ["1 BYE"]
        assert server.process.wait(10) == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_ends_the_server_cleanly(plain_udp_kv: Path, number: signal.Signals) -> None:
    with start(plain_udp_kv, os.environ) as server:
        server.process.send_signal(number)
        assert server.process.wait(10) == 0


@pytest.mark.parametrize("arguments", [["-p", "65536"], ["-p", "x"], ["-q"]])
def test_bad_command_line_is_refused(plain_udp_kv: Path, arguments: list[str]) -> None:
    done = subprocess.run([plain_udp_kv, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "usage" in done.stderr


def test_load_verifies_every_reply_and_agrees_with_the_servers_counters(
    plain_server: Server,
) -> None:
    answered = 0

    def progress(count: int) -> None:
        nonlocal answered
        answered += count

    result = run_load(plain_server.port, 5000, seed=7, progress=progress)
    assert result.server == result.expected
    assert result.server["requests"] == result.sent == answered + 1
    assert sum(result.by_kind.values()) == result.sent
    assert set(result.by_kind) == {"hit", "miss", "set", "delete", "incr", "stats", "broken"}


def test_load_reports_a_wrong_reply(plain_server: Server) -> None:
    ask(plain_server, "1 SET absent1 surprise", "2 SET n1 1")
    with pytest.raises(LakePlacidError, match="the reply is"):
        run_load(plain_server.port, 5000)


def test_load_reports_a_server_that_is_gone(plain_udp_kv: Path) -> None:
    with start(plain_udp_kv, os.environ) as server:
        ask(server, "1 QUIT")
        server.process.wait(10)
        with pytest.raises(LakePlacidError, match="no reply"):
            run_load(server.port, 10, timeout=1)


def test_server_that_cannot_start_is_reported_with_its_own_words(tmp_path: Path) -> None:
    program = tmp_path / "broken"
    program.write_text("#!/bin/sh\necho no luck >&2\nexit 3\n")
    program.chmod(0o755)
    with (
        pytest.raises(LakePlacidError, match=r"exit status 3\n  no luck"),
        start(program, os.environ),
    ):
        pass
