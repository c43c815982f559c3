# SPDX-License-Identifier: GPL-2.0-only
"""`lp --version`, and that what Python reads is of the version that C writes."""

from __future__ import annotations

import os
import re
import subprocess
from importlib.metadata import version
from pathlib import Path

import pytest

from lp_build import formats
from lp_build.cli import main
from lp_build.steps import tool

ROOT = Path(__file__).parent.parent.parent


def test_it_tells_its_own_version_and_those_of_protocol_and_files(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["--version"]) == 0
    first, *rest = capsys.readouterr().out.splitlines()
    assert first == f"LakePlacid {version('lakeplacid')}"
    told = dict(re.fullmatch(r"  (.*?) +(\d+)", line).groups() for line in rest)  # type: ignore[union-attr]
    assert told == {name: str(number) for name, number in formats.NAMES.items()}


@pytest.mark.parametrize(
    ("place", "name", "number"),
    [
        ("kernel/uapi/lakeplacid.h", "LP_PROTOCOL", formats.PROTOCOL),
        ("c_runtime/scout/scout.c", "TRACE_VERSION =", formats.TRACE),
        ("c_runtime/survey/survey.c", "SURVEY_VERSION =", formats.SURVEY),
        ("c_runtime/statistics/live.h", "define LP_LIVE_VERSION", formats.LIVE),
    ],
)
def test_what_is_written_has_the_version_that_is_read(place: str, name: str, number: int) -> None:
    text = (ROOT / place).read_text(encoding="utf-8")
    assert re.findall(rf"{name} (\d+)", text) == [str(number)]


def test_each_version_is_told_of_in_the_reference() -> None:
    text = (ROOT / "docs" / "reference.md").read_text(encoding="utf-8")
    part = text.partition("\n## Versions\n")[2].partition("\n## ")[0]
    named = {n.strip() for row in re.findall(r"^\| ([^|]*) \|", part, re.M) for n in row.split(",")}
    assert set(formats.NAMES) <= named


def test_the_changes_of_this_version_are_told() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.findall(r"^## (.*)$", text, re.M)[0] == version("lakeplacid")


@pytest.mark.parametrize("what", ["--version", "--help"])
def test_a_reader_that_has_seen_enough_is_no_error(what: str) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run([tool("lp"), what], stdout=writing, stderr=subprocess.PIPE, check=False)
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, b"")
