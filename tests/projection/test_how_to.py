# SPDX-License-Identifier: GPL-2.0-only
"""docs/how-to/add-an-instruction.md, step by step."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from lp_build.projection import instructions
from lp_build.projection.instructions import INSTRUCTIONS, Instruction
from lp_build.projection.project import project
from tests.projection.decoder import complaints, decoded
from tests.projection.test_cases import find_in_order, read_case, split, stops_of

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "add-an-instruction.md"


def blocks(language: str) -> list[str]:
    """The page's blocks in a language."""
    text = PAGE.read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.M | re.S)


@pytest.fixture
def case(tmp_path: Path) -> Path:
    path = tmp_path / "case.s"
    path.write_text(blocks("asm")[0], encoding="utf-8")
    return path


@pytest.fixture
def with_row(monkeypatch: pytest.MonkeyPatch) -> None:
    """The table with the page's row."""
    row, name = eval(blocks("python")[0], {"Instruction": Instruction})
    monkeypatch.setattr(instructions, "INSTRUCTIONS", {**INSTRUCTIONS, name: row})


def test_without_its_row_the_kernel_form_stops_before_it(case: Path) -> None:
    read = read_case(case)
    kernel = project(read.text, read.request()).kernel
    assert [stop.split(" ", 1)[1] for stop in stops_of(kernel)] == ["the instruction pclmulqdq"]


@pytest.mark.usefixtures("with_row")
def test_with_its_row_the_case_passes(case: Path) -> None:
    read = read_case(case)
    projection = project(read.text, read.request())
    find_in_order(read.heads["KERNEL"], split(projection.text)[2], "the kernel form")
    assert stops_of(projection.kernel) == []


@pytest.mark.usefixtures("with_row")
def test_the_decoder_says_the_same_of_its_row(tmp_path: Path) -> None:
    assert complaints(decoded(blocks("asm")[1].splitlines(), "gcc", tmp_path)) == []
