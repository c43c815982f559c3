# SPDX-License-Identifier: GPL-2.0-only
"""The sample server in Elite, with the statistics of two runs; and a tiny one for each test."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from lp_build.demo.command import Show, run_demo
from lp_build.layout import BuildDir
from tests.rebuild.support import Server, new_server


@dataclass(frozen=True)
class Sample:
    """udp_kv: scouted, specialised, and run twice."""

    root: Path
    runs: tuple[Path, ...]

    @property
    def build(self) -> BuildDir:
        """Its `.lp/`."""
        return BuildDir(self.root)


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    """The demo's server."""
    root = tmp_path_factory.mktemp("report") / "udp_kv"
    runs = []
    for name in ("first", "second"):
        run_demo(root, Show(quiet=True), 3000, 1)
        runs.append((root / "stats.json").rename(root / f"{name}.json"))
    return Sample(root, tuple(runs))


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Server:
    """A tiny server, scouted and specialised. Tests leave it as it is."""
    server = new_server(tmp_path_factory.mktemp("tiny") / "server")
    server.scout()
    server.build("--output", "elite")
    return server


@pytest.fixture
def fresh(tmp_path: Path, built: Server) -> Server:
    """A tiny server that nothing has been done with; the runtime is compiled already."""
    server = new_server(tmp_path / "server")
    lp = Path(".lp") / "runtime"
    shutil.copytree(built.root / lp, server.root / lp)
    return server
