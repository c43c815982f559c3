# SPDX-License-Identifier: GPL-2.0-only
"""Servers that are built to survey themselves, and put under a load."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lp_build.resources import resource_dir
from lp_build.steps import run_step, tool

SECONDS = 30.0  # for any answer
LINE = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


def clean_environment() -> dict[str, str]:
    """Ours without settings of LakePlacid's or of make's."""
    ours = ("LP_", "CC", "MAKE", "MFLAGS")
    return {k: v for k, v in os.environ.items() if not k.startswith(ours)}


def sample_copy(name: str, folder: Path) -> Path:
    """A sample project as its author has it before LakePlacid comes."""
    shutil.copytree(
        resource_dir("sample_projects") / name,
        folder,
        ignore=shutil.ignore_patterns("lp.toml", "*.o", "*.d", "*.a", ".lp", name),
    )
    return folder


def wrap(folder: Path, *command: str | Path) -> str:
    """`lp-wrap COMMAND` there; what it printed."""
    return run_step([tool("lp-wrap"), *command], folder, clean_environment())


@contextmanager
def running(*command: str | Path, cwd: Path, ending: int = signal.SIGTERM) -> Iterator[int]:
    """A server while the block runs; yields the port that it says. ending: the signal for it."""
    with subprocess.Popen(
        [str(word) for word in command], cwd=cwd, stdout=subprocess.PIPE, env=clean_environment()
    ) as process:
        try:
            assert process.stdout is not None
            said = process.stdout.readline().decode()
            match = re.search(r"(\d+)\s*$", said)
            assert match, f"the server said {said!r}"
            yield int(match.group(1))
        finally:
            process.send_signal(ending)
            process.wait(SECONDS)


def datagrams(port: int, number: int) -> None:
    """A load for udp_kv."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(SECONDS)
        client.connect(("127.0.0.1", port))
        for i in range(number):
            verb = f"SET k{i % 20} value" if i % 3 == 0 else f"GET k{i % 20}"
            client.send(f"{i} {verb}".encode())
            client.recv(2048)


def lines(port: int, clients: int, each: int) -> None:
    """A load of several connections at once, an answer for each line."""

    def talk() -> None:
        with socket.create_connection(("127.0.0.1", port), SECONDS) as client:
            for _ in range(each):
                client.sendall(LINE)
                assert client.recv(4096)

    threads = [threading.Thread(target=talk) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SECONDS)
