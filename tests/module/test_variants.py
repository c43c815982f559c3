"""Files of tests that a guest runs with each build of a server, and how the host reads them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lp_build.module.variants import GuestPlan, GuestTests, GuestVariant, run_tests


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
