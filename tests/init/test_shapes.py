# SPDX-License-Identifier: GPL-2.0-only
"""`lp init` on servers of many shapes, each under a load: the function that a person would name."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lp_build.init.command import main
from lp_build.projection.libcalls import kernel_forms
from tests.init.support import SECONDS, clean_environment, running, wrap

PROGRAMS = Path(__file__).parent / "programs"
REQUESTS = 60


def connections(port: int, header: str = "") -> None:
    """A line for each connection, an answer, and the server's end."""
    for i in range(REQUESTS):
        with socket.create_connection(("127.0.0.1", port), SECONDS) as client:
            client.sendall(f"GET {i} /index.html HTTP/1.0\n{header}".encode())
            while client.recv(4096):
                pass


def with_header(port: int) -> None:
    """The same with what HTTP has behind the line."""
    connections(port, "Host: here\n\n")


def conversations(port: int) -> None:
    """A few connections that stay, and ask in turn."""
    clients = [socket.create_connection(("127.0.0.1", port), SECONDS) for _ in range(4)]
    for i in range(REQUESTS):
        clients[i % 4].sendall(b"GET something to be scored\n")
        assert clients[i % 4].recv(4096)
    for client in clients:
        client.close()


def datagrams(port: int) -> None:
    """A datagram and its answer."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(SECONDS)
        client.connect(("127.0.0.1", port))
        for i in range(REQUESTS):
            client.send(f"line {i}".encode())
            assert client.recv(4096)


SERVERS: dict[str, tuple[Callable[[int], None], str, str | None]] = {
    # Forks for each connection: no loop in which the kernel form could stay.
    "bytes": (connections, "serve_client", None),
    "children": (with_header, "handle_request", None),
    "prefork": (connections, "serve_client", "work"),
    "table": (conversations, "serve_connection", "main" if "select" in kernel_forms() else None),
    "events": (conversations, "on_read", None),
    # Waiting for the disk is not work.
    "disk": (datagrams, "handle", "main"),
}


def surveyed(name: str, folder: Path) -> None:
    for file in (f"{name}.c", "serving.h"):
        shutil.copy(PROGRAMS / file, folder)
    libraries = ["-levent", "-levent_pthreads"] if name == "events" else []
    # At -O0 each function of the source is a function.
    wrap(folder, "cc", "-O0", "-pthread", f"{name}.c", "-o", name, *libraries)


def proposed(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    capsys.readouterr()
    assert main(["--json"]) == 0
    outcome: dict[str, Any] = json.loads(capsys.readouterr().out)
    return outcome


@pytest.mark.parametrize("name", SERVERS)
def test_the_function_that_a_person_would_name(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    load, request, loop = SERVERS[name]
    surveyed(name, tmp_path)
    with running(f"./{name}", cwd=tmp_path) as port:
        load(port)
    monkeypatch.chdir(tmp_path)
    proposal = proposed(capsys)
    assert (proposal["request"], proposal["loop"]) == (request, loop), proposal
    assert not proposal["unsure"]
    # Whatever a client sends at once is one message, and children are no threads.
    assert proposal["messages"]["received"] == REQUESTS
    assert proposal["stack_count"] == 64


def test_a_server_that_inetd_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    surveyed("standard", tmp_path)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        process = subprocess.Popen(
            ["./standard"],
            cwd=tmp_path,
            stdin=theirs.fileno(),
            stdout=theirs.fileno(),
            env=clean_environment(),
        )
        for _ in range(REQUESTS):
            ours.sendall(b"a line to be scored\n")
            assert ours.recv(4096)
        ours.sendall(b"QUIT\n")
        assert process.wait(SECONDS) == 0
    monkeypatch.chdir(tmp_path)
    proposal = proposed(capsys)
    assert proposal["request"] == "command"
    assert proposal["messages"]["received"] == REQUESTS + 1


def test_where_nothing_fits_it_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    surveyed("relay", tmp_path)
    with running("./relay", cwd=tmp_path) as port:
        datagrams(port)
    monkeypatch.chdir(tmp_path)
    assert proposed(capsys)["unsure"]
    assert "Nothing fits well" in (tmp_path / "lp.toml").read_text()


def test_a_loop_that_would_leave_the_kernel_each_round_is_named_as_such(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    surveyed("bytes", tmp_path)
    with running("./bytes", cwd=tmp_path) as port:
        connections(port)
    monkeypatch.chdir(tmp_path)
    assert any("fork" in reason for reason in proposed(capsys)["reasons"])
    assert "\nloop = " not in (tmp_path / "lp.toml").read_text()
