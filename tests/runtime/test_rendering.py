# SPDX-License-Identifier: GPL-2.0-only
"""The templates: every combination of parameters compiles without a warning, by both compilers."""

from __future__ import annotations

import itertools
import re
import subprocess
from pathlib import Path

import pytest

from lp_build.compile.runtime_sources import render_runtime
from lp_build.config import Config
from lp_build.resources import resource_dir
from lp_build.steps import tool

from .conftest import compile_file

# What the code behind a deopt may call: itself, and libc only while vector registers are saved or
# at start. A compiler that made memcpy or memset of a loop would show here.
ALLOWED = {"__errno_location", "_GLOBAL_OFFSET_TABLE_", "__stop", "__start"}
AT_START = {"mmap", "pthread_key_create", "pthread_setspecific"}

SIZES = (
    (1, 16384, 2),
    (2, 20480, 2),
    (64, 0, 256),
    (65, 0, 1024),
    (4096, 8 << 20, 65536),
)
COMBINATIONS = [
    Config(request="f", mode=mode, stack_count=count, stack_size=size, ring_size=ring)
    for mode, (count, size, ring) in itertools.product(("wait", "queue"), SIZES)
]


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_every_combination_compiles(compiler: str, tmp_path: Path) -> None:
    """What is the same in two combinations is compiled once."""
    compiled = set()
    for number, (config, stress) in enumerate(itertools.product(COMBINATIONS, (False, True))):
        out = tmp_path / str(number)
        sources = render_runtime(config, out, stress=stress)
        header = (out / "lp_parameters.h").read_text().partition("*/")[2]
        for source in sources:
            text = source.path.read_text()
            body = text.partition("*/")[2] if source.templates else text
            key = (body, header if "lp_parameters.h" in body else "")
            if key not in compiled:
                compile_file(compiler, source.path, source.flags, out / "object.o")
            compiled.add(key)


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
@pytest.mark.parametrize("mode", ["wait", "queue"])
def test_code_behind_a_deopt_calls_no_library(mode: str, compiler: str, tmp_path: Path) -> None:
    for source in render_runtime(Config(request="f", mode=mode), tmp_path, stress=True):
        if "-mgeneral-regs-only" not in source.flags:
            continue
        made = compile_file(compiler, source.path, source.flags, tmp_path / "object.o")
        listing = subprocess.run(
            ["nm", "--undefined-only", str(made)], capture_output=True, text=True, check=True
        ).stdout
        names = {line.split()[-1] for line in listing.splitlines()}
        foreign = {n for n in names if not re.match(r"(__start_|__stop_)?lp_", n)}
        assert foreign <= ALLOWED | AT_START, source.path


def test_rendered_files_say_where_they_come_from_and_for_what(tmp_path: Path) -> None:
    config = Config(request="handle", stack_count=7, mode="queue")
    rendered = [s for s in render_runtime(config, tmp_path, stress=False) if s.templates]
    assert rendered
    for source in rendered:
        head = source.path.read_text().partition("*/")[0]
        assert f"templates/{source.path.name}.j2" in head
        assert "mode queue, 7 slots of a thread's stack" in head
        assert all(template.is_file() for template in source.templates)


def test_rendering_again_leaves_files_that_stay_the_same_alone(tmp_path: Path) -> None:
    config = Config(request="f")
    paths = [s.path for s in render_runtime(config, tmp_path, stress=False)]
    before = [path.stat().st_mtime_ns for path in paths]
    assert [s.path for s in render_runtime(config, tmp_path, stress=False)] == paths
    assert [path.stat().st_mtime_ns for path in paths] == before


def test_every_template_is_rendered_for_some_program(tmp_path: Path) -> None:
    used = {
        template.name
        for source in render_runtime(Config(request="f", mode="queue"), tmp_path, stress=True)
        for template in source.templates
    }
    ours = {path.name for path in resource_dir("templates").glob("*.[chS].j2")}
    ours -= {name for name in ours if name.startswith("module_")}  # of lp_build.kernel_module
    assert used == ours


@pytest.mark.parametrize("mode", ["wait", "queue"])
def test_rendered_c_is_formatted(mode: str, tmp_path: Path) -> None:
    sources = render_runtime(Config(request="f", mode=mode), tmp_path, stress=True)
    style = resource_dir("templates").parent / ".clang-format"
    ours = [s.path for s in sources if s.path.suffix == ".c"]
    done = subprocess.run(
        [tool("clang-format"), f"--style=file:{style}", "--dry-run", "--Werror", *map(str, ours)],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
