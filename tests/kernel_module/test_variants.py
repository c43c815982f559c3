# SPDX-License-Identifier: GPL-2.0-only
"""Files of tests that a guest runs with each build of a server, and how the host reads them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lp_build.trials.variants import GuestPlan, GuestTests, GuestVariant, KeptTests, run_tests


def plan() -> GuestPlan:
    """Two builds of a server, neither of which needs a module here."""
    names = ("plain", "other")
    return GuestPlan("", [GuestVariant(name, name, "", {}) for name in names])


def told(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def passing(row: GuestVariant, test: str) -> tuple[bool, str, Any]:
    return True, "2 tests", f"{test} with {row.name}"


def test_each_file_is_run_with_each_variant(capsys: pytest.CaptureFixture[str]) -> None:
    run_tests(plan(), ["a", "b"], 600, passing)
    read = GuestTests.read(plan(), ["a", "b"], told(capsys))
    assert read.found == {
        "plain": {"a": "a with plain", "b": "b with plain"},
        "other": {"a": "a with other", "b": "b with other"},
    }
    assert (read.failed, read.left) == ({}, ())


def test_what_fails_with_the_plain_build_is_not_compared(
    capsys: pytest.CaptureFixture[str],
) -> None:
    run_tests(plan(), ["a", "b"], 600, lambda row, test: (test == "b", "1 test", test))
    read = GuestTests.read(plan(), ["a", "b"], told(capsys))
    assert read.failed == {"a": "a"}
    assert read.found == {"plain": {"b": "b"}, "other": {"b": "b"}}


def test_what_fails_with_another_build_is_compared(capsys: pytest.CaptureFixture[str]) -> None:
    run_tests(plan(), ["a"], 600, lambda row, _: (row.name == "plain", "1 test", row.name))
    read = GuestTests.read(plan(), ["a"], told(capsys))
    assert read.found == {"plain": {"a": "plain"}, "other": {"a": "other"}}
    assert not read.failed


def test_what_there_is_no_time_for_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    run_tests(plan(), ["a", "b"], 0, passing)
    read = GuestTests.read(plan(), ["a", "b"], told(capsys))
    assert read.left == ("a", "b")


@pytest.fixture
def built(tmp_path: Path) -> GuestPlan:
    """A plan whose programs are there."""
    for name in ("plain", "other"):
        (tmp_path / name).write_text(name, encoding="ascii")
    names = ("plain", "other")
    return GuestPlan("", [GuestVariant(name, str(tmp_path / name), "", {}) for name in names])


def test_what_an_earlier_guest_has_run_is_not_run_again(
    tmp_path: Path, built: GuestPlan, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "kept.json"
    run_tests(built, ["a"], 600, passing)
    KeptTests(path, built).add(told(capsys))
    kept = KeptTests(path, built)
    assert kept.left(["a", "b"]) == ["b"]
    run_tests(built, kept.left(["a", "b"]), 600, passing)
    kept.add(told(capsys))
    read = GuestTests.read(built, ["a", "b"], KeptTests(path, built).rows)
    assert read.found["other"] == {"a": "a with other", "b": "b with other"}


def test_what_other_builds_did_is_not_kept(
    tmp_path: Path, built: GuestPlan, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "kept.json"
    run_tests(built, ["a"], 600, passing)
    KeptTests(path, built).add(told(capsys))
    (tmp_path / "other").write_text("built anew", encoding="ascii")
    assert KeptTests(path, built).left(["a"]) == ["a"]


def test_what_other_forced_deopts_did_is_not_kept(
    tmp_path: Path, built: GuestPlan, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "kept.json"
    run_tests(built, ["a"], 600, passing)
    KeptTests(path, built).add(told(capsys))
    forced = [replace(row, environment={"LP_FORCE_DEOPT": "all"}) for row in built.variants]
    assert KeptTests(path, replace(built, variants=forced)).left(["a"]) == ["a"]


def test_only_what_was_asked_for_is_compared(capsys: pytest.CaptureFixture[str]) -> None:
    run_tests(plan(), ["a", "b"], 600, passing)
    read = GuestTests.read(plan(), ["b"], told(capsys))
    assert list(read.found["plain"]) == ["b"]
