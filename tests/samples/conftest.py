# SPDX-License-Identifier: GPL-2.0-only
"""udp_kv built by the plain compiler, and servers of it."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from lp_build.demo.server import Server, start
from lp_build.resources import resource_dir


@pytest.fixture(scope="session")
def plain_udp_kv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program, built as its own makefile builds it, warnings being errors."""
    folder = tmp_path_factory.mktemp("plain") / "udp_kv"
    shutil.copytree(resource_dir("sample_projects") / "udp_kv", folder)
    flags = "CFLAGS=-O2 -g -std=gnu11 -Wall -Wextra -Werror"
    subprocess.run(["make", "-s", flags], cwd=folder, check=True, env={"PATH": "/usr/bin:/bin"})
    return folder / "udp_kv"


@pytest.fixture
def plain_server(plain_udp_kv: Path) -> Iterator[Server]:
    """A fresh server on a port of its own."""
    with start(plain_udp_kv, os.environ) as server:
        yield server
