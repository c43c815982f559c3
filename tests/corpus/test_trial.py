# SPDX-License-Identifier: GPL-2.0-only
"""What a campaign over a corpus notices of one unit."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from lp_build.projection.project import project
from tests.corpus import trial
from tests.corpus.campaign import row_of
from tests.corpus.trial import attempt
from tests.corpus.units import CorpusUnit
from tests.differential.csmith import compilers

SOURCE = "int f(int x) { return x ? 3 : x / 2; }\nint g(int *p, long n) { return f(p[n]) + 1; }\n"


@pytest.fixture
def unit(tmp_path: Path) -> CorpusUnit:
    path = tmp_path / "unit.c"
    path.write_text(SOURCE, encoding="utf-8")
    return CorpusUnit("thing", "unit.c", path, ())


@pytest.mark.parametrize("compiler", compilers())
def test_all_functions_are_elite(unit: CorpusUnit, compiler: str, tmp_path: Path) -> None:
    outcome = attempt(unit, compiler, "-O2", tmp_path)
    assert (outcome.functions, outcome.elite) == (2, 2)
    assert outcome.failures == []


@pytest.mark.parametrize(
    ("line", "kind"), [("\tno_such_instruction\n", "assembler"), ("\tjmp .Lnowhere\n", "undefined")]
)
def test_what_does_not_assemble_is_a_failure(
    unit: CorpusUnit, line: str, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*arguments: object) -> object:
        made = project(*arguments)  # type: ignore[arg-type]
        return replace(made, text=made.text + line)

    monkeypatch.setattr(trial, "project", broken)
    outcome = attempt(unit, "gcc", "-O2", tmp_path)
    assert len(outcome.failures) == 1
    assert outcome.failures[0].startswith(kind)


def test_a_unit_without_code_is_no_failure(unit: CorpusUnit, tmp_path: Path) -> None:
    """Such as is empty but for inline functions of headers, on this machine."""
    unit.path.write_text("static inline int f(int x) { return x; }\n", encoding="utf-8")
    outcome = attempt(unit, "gcc", "-O2", tmp_path)
    assert outcome.functions == 1
    assert outcome.failures == []


def test_what_the_compiler_refuses_is_no_trial(unit: CorpusUnit, tmp_path: Path) -> None:
    unit.path.write_text("int f( {", encoding="utf-8")
    assert "does not compile" in attempt(unit, "gcc", "-O2", tmp_path).skipped


def test_a_row_counts_what_is_not_elite_by_reason(unit: CorpusUnit) -> None:
    """As results are kept, in JSON."""
    unit.path.write_text("__attribute__((weak)) int f(int x) { return x; }\n", encoding="utf-8")
    row = json.loads(json.dumps(row_of(unit, "gcc", "-O2")))
    assert row["skipped"] == ""
    assert list(row["refused"].values()) == [1]
