# SPDX-License-Identifier: GPL-2.0-only
"""What all recipes do alike: their command line, and outcomes compared with the plain build's."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from rich.console import Console

from lp_build.errors import LakePlacidError
from lp_build.trials.command import Asked, Recipe, Step, argument
from lp_build.trials.outcomes import Difference, Outcomes, Suite

NOTHING = {"requests": 0, "finished_in_elite": 0}


class Kitchen(Recipe):
    """Two steps that say what they did; another that fails."""

    name = "kitchen"
    description = "Cook."
    arguments = (argument("--dir"), argument("--jobs", help="of cooks"))
    steps_help = "boil"
    usual = ("boil",)

    def __init__(self) -> None:
        self.done: list[tuple[str, Path, int]] = []

    def steps(self) -> Mapping[str, Step]:
        return {"boil": self.boil, "burn": self.burn, "break": self.break_down}

    def boil(self, asked: Asked) -> bool:
        self.done.append(("boil", asked.folder, asked.options.jobs))
        return True

    def burn(self, asked: Asked) -> bool:
        return False

    def break_down(self, asked: Asked) -> bool:
        raise LakePlacidError("no gas", remedy="pay the bill")


def test_usual_steps_are_made_in_the_work_folder(tmp_path: Path) -> None:
    kitchen = Kitchen()
    assert kitchen.main(["--dir", str(tmp_path / "new"), "--jobs", "3"]) == 0
    assert kitchen.done == [("boil", tmp_path / "new", 3)]
    assert (tmp_path / "new").is_dir()


def test_work_folder_is_the_recipes_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LP_CACHE", str(tmp_path))
    kitchen = Kitchen()
    assert kitchen.main([]) == 0
    assert kitchen.done == [("boil", tmp_path / "kitchen", 2)]


def test_step_that_shows_a_difference_ends_no_other(tmp_path: Path) -> None:
    kitchen = Kitchen()
    assert kitchen.main(["burn", "boil", "--dir", str(tmp_path)]) == 1
    assert len(kitchen.done) == 1


def test_step_that_fails_is_told_by_the_recipes_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert Kitchen().main(["break", "--dir", str(tmp_path)]) == 1
    assert "kitchen: no gas" in capsys.readouterr().err


def test_unknown_step_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as raised:
        Kitchen().main(["boil", "fry"])
    assert raised.value.code == 2
    assert "error: no such step: fry" in capsys.readouterr().err


class Numbers(Suite[int]):
    """Tests whose outcome is a number; the plain build has to give none below zero."""

    def differences(
        self, plain: Mapping[str, int], other: Mapping[str, int]
    ) -> Sequence[Difference]:
        return [
            Difference(name, f"{one}; here {other[name]}")
            for name, one in plain.items()
            if one != other[name]
        ]

    def passed(self, result: int) -> bool:
        return result >= 0


def test_variant_is_compared_with_the_plain_build_and_told() -> None:
    said = io.StringIO()
    outcomes = Outcomes(Numbers(), Console(file=said, width=100))
    outcomes.add("plain", {"a": 1, "b": 2}, NOTHING, 1.0)
    outcomes.add("forced", {"a": 1, "b": 3}, {"requests": 5, "finished_in_elite": 4}, 2.0)
    assert outcomes.variants["plain"].different == ()
    assert outcomes.variants["forced"].different == ("b",)
    assert not outcomes.same
    assert said.getvalue().splitlines() == [
        "  plain: 2 tests, 0 other than plain, 0 of 0 requests in Elite (1 s)",
        "  forced: 2 tests, 1 other than plain, 4 of 5 requests in Elite (2 s)",
        "    b: 2; here 3",
    ]


def test_equal_outcomes_are_the_same() -> None:
    outcomes = Outcomes(Numbers(), None)
    for name in ("plain", "specialised"):
        outcomes.add(name, {"a": 1}, NOTHING, 0.0)
    assert outcomes.same


def test_suite_that_fails_with_the_plain_build_proves_nothing() -> None:
    outcomes = Outcomes(Numbers(), None)
    for name in ("plain", "specialised"):
        outcomes.add(name, {"a": -1}, NOTHING, 0.0)
    assert not outcomes.same
