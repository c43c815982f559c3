# SPDX-License-Identifier: GPL-2.0-only
"""c_runtime/bench/dispatch_bench.c: it builds, runs, and tells what it promises to tell."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
from pathlib import Path

import pytest

from lp_build.compile.runtime_sources import render_dispatch_bench

from .conftest import compile_file


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bench")
    objects = [
        compile_file("gcc", source.path, source.flags, folder / f"{source.path.name}.o")
        for source in render_dispatch_bench(folder)
    ]
    program = folder / "dispatch_bench"
    command = ["gcc", "-no-pie", "-pthread", *map(str, objects), "-o", str(program)]
    subprocess.run(command, check=True)
    return program


def test_it_prints_one_number_a_repeat(bench: Path) -> None:
    done = subprocess.run(
        [str(bench), "20", "1000"],
        env={**os.environ, "LP_ELITE": "inprocess"},
        capture_output=True,
        text=True,
        check=True,
    )
    found = json.loads(done.stdout)
    assert (found["repeats"], found["calls"]) == (20, 1000)
    series = [found["direct"], found["switched"], found["thesis"], *found["deopt"].values()]
    assert all(len(numbers) == 20 for numbers in series)
    assert list(found["deopt"]) == ["1", "4", "16"]
    assert 0 < statistics.median(found["direct"]) < statistics.median(found["switched"])


def test_it_refuses_to_measure_without_elite(bench: Path) -> None:
    done = subprocess.run([str(bench)], capture_output=True, text=True, env={"PATH": "/usr/bin"})
    assert (done.returncode, done.stdout) == (2, "")
    assert "LP_ELITE=inprocess" in done.stderr
