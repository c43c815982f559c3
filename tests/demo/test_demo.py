# SPDX-License-Identifier: GPL-2.0-only
"""`lp demo`, whole: what a newcomer sees."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from lp_build.demo import command as demo
from lp_build.demo.load import LoadResult
from lp_build.kernels.versions import DEFAULT
from lp_build.statistics import Run
from lp_build.steps import tool


def lp_demo(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command, with few requests."""
    return subprocess.run(
        [tool("lp"), "demo", "--dir", str(folder), "--requests", "5000", *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**demo.clean_environment(), "COLUMNS": "120"},
    )


@pytest.fixture(scope="module")
def first_run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """The demo's folder after a first run, and its outcome."""
    folder = tmp_path_factory.mktemp("demo")
    done = lp_demo(folder, "--json", "--quiet")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return folder, json.loads(done.stdout)


def test_server_counts_each_request_once(first_run: tuple[Path, dict[str, Any]]) -> None:
    _, outcome = first_run
    assert outcome["counted_once"]
    assert outcome["server_requests"] == outcome["requests"] == outcome["elite_requests"]


def test_most_requests_finish_in_elite_and_some_leave_it(
    first_run: tuple[Path, dict[str, Any]],
) -> None:
    _, outcome = first_run
    # The load has 90 % GETs that hit; scouting was told to cover 90 % of the requests.
    assert 0.75 < outcome["finished_share"] < 1
    assert outcome["deopts"]
    assert all(deopt["where"].split(":")[0].endswith(".c") for deopt in outcome["deopts"])


def test_elite_text_is_a_part_of_the_text(first_run: tuple[Path, dict[str, Any]]) -> None:
    _, outcome = first_run
    assert 0 < outcome["elite_text"] < outcome["text"]


def test_second_run_is_as_good_and_shows_tables(first_run: tuple[Path, dict[str, Any]]) -> None:
    folder, _ = first_run
    done = lp_demo(folder)
    assert done.returncode == 0, done.stderr
    assert "equal: each was counted exactly once" in done.stdout
    assert "Where requests left Elite" in done.stdout
    assert "lp-wrap --phase scout make" in done.stderr
    assert "\x1b" not in done.stdout + done.stderr  # no colours into a pipe


def outcome_with(server: dict[str, float]) -> demo.Outcome:
    """An outcome in which the server said this."""
    load = LoadResult(10, {"hit": 10}, 1.0, server, {"requests": 10.0})
    return demo.Outcome(
        "in one process",
        load,
        Run("a.json", "inprocess", "wait", 10, 8, (), 100, 1000, {}, {}),
        2.0,
    )


def test_server_that_counted_otherwise_fails_the_demo(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(demo, "run_demo", lambda *_: outcome_with({"requests": 12.0}))
    assert demo.main(["--dir", str(tmp_path)]) == 1
    said = capsys.readouterr()
    assert "NOT EQUAL" in said.out
    assert "it should have counted {'requests': 10.0}" in said.err


@pytest.mark.needs_qemu
def test_demo_ends_in_the_kernel(first_run: tuple[Path, dict[str, Any]]) -> None:
    folder, _ = first_run
    done = lp_demo(folder, "--json", "--quiet", "--kernel", DEFAULT)
    assert done.returncode == 0, done.stderr
    outcome = json.loads(done.stdout)["kernel"]
    assert outcome["counted_once"]
    assert outcome["where"].startswith(f"in kernel {DEFAULT}.")
    assert outcome["elite_requests"] == outcome["requests"]
    assert 0 < outcome["driver"]["deopts"] < outcome["requests"]


def test_failed_step_is_told_with_its_output(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LP_CC", "/no/such/compiler")
    assert demo.main(["--dir", str(tmp_path), "--quiet"]) == 1
    assert "/no/such/compiler" in capsys.readouterr().err


def test_unchanged_sources_keep_their_times(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    source.mkdir()
    for name in ("a.c", "b.c", "notes.txt"):
        (source / name).write_text(name)
    demo.copy_sources(source, target)
    os.utime(target / "a.c", (1000, 1000))
    (source / "b.c").write_text("changed")
    demo.copy_sources(source, target)
    assert (target / "a.c").stat().st_mtime == 1000
    assert (target / "b.c").read_text() == "changed"
    assert not (target / "notes.txt").exists()
