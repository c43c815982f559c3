# SPDX-License-Identifier: GPL-2.0-only
"""Characters that mean something to SCons, make, the shell, C, linkers and TOML are only names."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.rebuild.support import HOT, Server, new_server

FOLDERS = ["a$b", "$(X)", "a b", "it's", 'say "so"', "50%s", "a,b", "{{x}}", "#x", "a\\b", "=x;&"]
BUILD = """
set -e
gcc -O2 -g -c 's$tore "x".c' -o 's$tore "x".o'
ar rcs libstore.a 's$tore "x".o'
gcc -O2 -g -c server.c
gcc -o 'ser$ver' server.o -Wl,-L.,-lstore
"""


@pytest.mark.parametrize("name", FOLDERS)
def test_scouted_and_specialised(tmp_path: Path, name: str) -> None:
    """In a folder of this name, of sources and to programs with such names."""
    server: Server = new_server(tmp_path / name)
    (server.root / "store.c").rename(server.root / 's$tore "x".c')
    server.project.wrap_ok("--phase", "scout", "sh", "-c", BUILD)
    assert server.project.reasons() == []
    assert server.project.run("./ser$ver", *HOT).status == 0
    server.manifest()
    server.build()
    run = server.run(program="ser$ver")
    assert run.statistics.elite == "inprocess"
    assert run.statistics.finished > 0
    report = server.project.lp("report")
    assert report.status == 0, report.err
