# SPDX-License-Identifier: GPL-2.0-only
"""A fresh server for each test, and a scouted one. All stand at one place, one after another: what
is captured names absolute paths, so a state that was made there once can be put there again."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.rebuild.support import Server, new_server


@dataclass(frozen=True)
class Place:
    """Where servers stand, and the state of a scouted one that `lp build` has been run for."""

    server: Server
    scouted: Path

    def put(self, runtime_only: bool) -> Server:
        """Put the scouted server in place, or a fresh one with the runtime archives compiled."""
        shutil.rmtree(self.server.root, ignore_errors=True)
        if runtime_only:
            new_server(self.server.root)
            lp = Path(".lp") / "runtime"
            shutil.copytree(self.scouted / lp, self.server.root / lp)
        else:
            shutil.copytree(self.scouted, self.server.root, symlinks=True)
        return self.server


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """A scouted server."""
    base = tmp_path_factory.mktemp("rebuild")
    server = new_server(base / "server")
    server.scout()
    server.build("--output", "unused")
    shutil.rmtree(server.root / "unused")
    shutil.rmtree(server.root / ".lp" / "build")
    shutil.copytree(server.root, base / "scouted", symlinks=True)
    return Place(server, base / "scouted")


@pytest.fixture
def server(place: Place) -> Server:
    """Not built."""
    return place.put(runtime_only=True)


@pytest.fixture
def scouted(place: Place) -> Server:
    """Built, scouted, and with a manifest."""
    return place.put(runtime_only=False)
