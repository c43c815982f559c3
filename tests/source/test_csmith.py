# SPDX-License-Identifier: GPL-2.0-only
"""Random programs print the same when each of their conditionals is logged or marked."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from lp_build.config import Config
from lp_build.source.scout import scout_source
from lp_build.source.specialize import specialize_source

from . import programs

SEEDS = (3, 8, 25, 20)  # of programs that end soon
HEADERS = ["-I/usr/include/csmith"]


@pytest.mark.parametrize("seed", SEEDS)
def test_a_random_program_prints_the_same(seed: int, tmp_path: Path) -> None:
    source = tmp_path / "random.c"
    subprocess.run(
        ["csmith", "--seed", str(seed), "--max-funcs", "6", "-o", str(source)],
        check=True,
        cwd=tmp_path,  # csmith leaves a file where it runs
    )
    compiler = programs.COMPILERS[seed % 2]
    level = ("-O1", "-O2", "-O3", "-Os")[seed % 4]
    flags = ["-w", level]
    text = programs.preprocess(compiler, source, HEADERS)
    config = Config(request="func_1")
    build = programs.build_dir(source)
    scouted = scout_source(text, cwd=str(tmp_path), build=build, config=config)
    assert not scouted.problems
    marked = specialize_source(
        text,
        cwd=str(tmp_path),
        build=build,
        config=config,
        manifest=programs.manifest_of(scouted.sites, seed),
        stress=True,
        clang=compiler == "clang",
    )
    edited, other = tmp_path / "scouted.i", tmp_path / "marked.i"
    edited.write_bytes(scouted.text)
    other.write_bytes(marked.text)
    plain = programs.compile_and_run(compiler, [*flags, *HEADERS], [source], tmp_path / "plain")
    stub = programs.stub_runtime(tmp_path)
    for inputs in ([edited, stub], [other]):
        assert programs.compile_and_run(compiler, flags, inputs, tmp_path / "edited") == plain
