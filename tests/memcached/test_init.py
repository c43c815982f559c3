# SPDX-License-Identifier: GPL-2.0-only
"""`lp init` finds memcached's request function, behind an event library that calls it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import memcached_build as build
import pytest
from recipe import Memcached

from lp_build.cache import cache_folder
from lp_build.init.command import main

pytestmark = [pytest.mark.needs_network, pytest.mark.slow]


def test_the_configuration_that_people_chose_is_proposed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tree = build.prepare(tmp_path / "tree", cache_folder(os.environ), "memcached")
    (tree.root / "lp.toml").unlink()
    (tree.root / ".lp").mkdir()
    build.wrapped_builder("survey").build(tree, ["memcached"])
    Memcached().scout(tree, 5000)
    monkeypatch.chdir(tree.root)
    capsys.readouterr()
    assert main(["--json"]) == 0
    proposal = json.loads(capsys.readouterr().out)
    assert (proposal["request"], proposal["loop"]) == ("drive_machine", "event_base_loop")
