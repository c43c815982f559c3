# SPDX-License-Identifier: GPL-2.0-only
"""A report of a large program: small enough to open at once, with what matters."""

from __future__ import annotations

from pathlib import Path

import pytest

from lp_build.forecast.model import Forecast
from lp_build.report.html import render_report
from lp_build.report.model import FileView, FunctionView, LineView, Report

LENGTH = 50  # lines of a function, and as many between two of them
LIMIT = 2_000_000  # bytes


def function(file: str, number: int, state: str, hits: int = 0) -> FunctionView:
    first = number * 2 * LENGTH + 1
    name = f"{Path(file).stem}_{number}"
    return FunctionView(
        key=f"{file}:{name}",
        name=name,
        file=file,
        line=first,
        last=first + LENGTH - 1,
        state=state,
        reason="",
        requests=1000 - number,
        share=1.0,
        hits=hits,
        sites=(),
        code=None,
    )


def source_file(name: str, functions: tuple[FunctionView, ...]) -> FileView:
    states = {"chosen": "hot", "cold": "out", "unseen": ""}
    lines = [
        LineView(
            number=first + n,
            text=f"\tsome_call({n}, of_a_usual_length);",
            html=f"\tsome_call({n}, of_a_usual_length);",
            state=states[f.state] if n < LENGTH else "",
            partly=False,
            arm=number,
            count=None,
            sites=(),
            hits=f.hits if n == 7 else 0,
            function=f if n == 0 else None,
        )
        for number, f in enumerate(functions)
        for first in [f.line]
        for n in range(2 * LENGTH)
    ]
    return FileView(name, tuple(lines), functions, "")


def report(files: int, state: str, hits: int = 0) -> Report:
    views = []
    for index in range(files):
        name = f"source_{index}.c"
        functions = tuple(function(name, n, state, hits if n == 9 else 0) for n in range(10))
        views.append(source_file(name, functions))
    return Report(
        project="large",
        request="handle",
        loop="",
        stages=(),
        proposed=False,
        classes=(),
        functions=tuple(f for view in views for f in view.functions),
        files=tuple(views),
        notes=(),
        units=files,
        plain_units=0,
        runs=(),
        total=None,
        forecast=Forecast((), unknown="nothing was built"),
        pointers={},
    )


@pytest.mark.parametrize("state", ["chosen", "cold", "unseen"])
def test_a_large_program_has_a_report_of_two_megabytes_at_most(tmp_path: Path, state: str) -> None:
    assert len(render_report(report(200, state), tmp_path).encode()) < LIMIT


def test_lines_with_deopts_are_shown_however_large_the_program_is(tmp_path: Path) -> None:
    text = render_report(report(200, "cold", hits=12), tmp_path)
    assert text.count('title="deopts at this line"') == 200


def test_of_elite_functions_those_with_most_requests_are_shown(tmp_path: Path) -> None:
    text = render_report(report(200, "chosen"), tmp_path)
    assert 'id="f0-1"' in text
    assert f'id="f0-{9 * 2 * LENGTH + LENGTH // 2}"' not in text
    # Nothing leads to a line that is not there.
    assert f'href="#f0-{9 * 2 * LENGTH + 1 + LENGTH // 2}"' not in text


def test_a_small_program_is_shown_whole(tmp_path: Path) -> None:
    text = render_report(report(2, "chosen"), tmp_path)
    assert "left out" not in text
    assert text.count('<div class="l ') == 2 * 10 * 2 * LENGTH
