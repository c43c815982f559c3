# SPDX-License-Identifier: GPL-2.0-only
"""`lp init` finds memcached's request function, behind an event library that calls it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import recipe

from lp_build.cache import cache_folder
from lp_build.init.command import main

pytestmark = [pytest.mark.needs_network, pytest.mark.slow]


def test_the_configuration_that_people_chose_is_proposed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tree = recipe.prepare(tmp_path / "tree", cache_folder(os.environ))
    (tree.root / "lp.toml").unlink()
    (tree.root / ".lp").mkdir()
    recipe.wrapped_builder("survey").build(tree, ["memcached"])
    recipe.scout(tree, tree.memcached / "memcached", 5000)
    monkeypatch.chdir(tree.root)
    capsys.readouterr()
    assert main(["--json"]) == 0
    proposal = json.loads(capsys.readouterr().out)
    assert (proposal["request"], proposal["loop"]) == ("drive_machine", "event_base_loop")
