# SPDX-License-Identifier: GPL-2.0-only
"""`lp bench` itself; what it measures is not judged here."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lp_build.bench import instructions
from lp_build.bench.builds import built_once, package_key, with_system_allocator
from lp_build.bench.command import main
from lp_build.bench.servers import UdpKv
from lp_build.config import load_config
from lp_build.errors import LakePlacidError


def test_dispatch_alone_prints_its_keys(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LP_CACHE", str(tmp_path))
    assert main(["--only", "dispatch", "--json"]) == 0
    captured = capsys.readouterr()
    found = json.loads(captured.out)
    for key in ("direct", "switched", "thesis"):
        assert found[f"dispatch_ns_{key}"] > 0
        assert set(found["details"]["dispatch"][key]) == {"mean", "sd", "median", "min", "max"}
    assert set(found["details"]["dispatch"]["deopt"]) == {"1", "4", "16"}
    assert "deopt_ns_depth4" in found
    assert "dispatch" in captured.err


def test_an_unknown_part_is_wrong_usage() -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["--only", "everything"])


def test_a_missing_valgrind_is_named_with_its_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(instructions.shutil, "which", lambda name: None)
    with pytest.raises(LakePlacidError, match="valgrind is missing") as caught:
        instructions.count_run(UdpKv(), tmp_path / "server", 1, {})
    assert "apt-get install valgrind" in str(caught.value)


def test_what_was_built_under_the_same_key_is_kept(tmp_path: Path) -> None:
    folder = tmp_path / "tree"
    for key, fresh in (("a", True), ("a", False), ("b", True)):
        with built_once(folder, key) as found:
            assert found is fresh
            assert (folder / "made").exists() is (not fresh)
            (folder / "made").touch()


def test_what_failed_is_built_again(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), built_once(tmp_path / "tree", "a"):
        raise RuntimeError
    with built_once(tmp_path / "tree", "a") as fresh:
        assert fresh


def test_the_package_has_a_key() -> None:
    assert package_key() == package_key() != ""


def test_builds_under_measurement_use_the_systems_allocator(tmp_path: Path) -> None:
    config = tmp_path / "lp.toml"
    config.write_text('request = "f"', encoding="utf-8")
    with_system_allocator(config)
    assert load_config(config).allocator == "system"
