# SPDX-License-Identifier: GPL-2.0-only
"""Unwinders (profilers, debuggers, exceptions) may come between any two instructions: requests are
made in single steps, and at each of the program's the stack is walked (apps/unwinding/steps.c)."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from lp_build.resources import resource_dir
from tests.wrapper.support import Project

from .conftest import APPS

# The runtime's assembly, with how many instructions no request comes to: for processors without
# XSAVE, and what only large requests need, which is the same in lp_enter_request.
ASSEMBLY = {
    "lp_enter_request": 0,
    "lp_enter_request_kernel": 9,
    "lp_deopt": 0,
    "lp_force": 0,
    "lp_lookup": 0,
    "lp_kernel_enter": 0,
    "lp_request_to_kernel": 0,
    "lp_park": 0,
    "lp_fp_save": 2,
    "lp_fp_restore": 2,
    "lp_resume_execution": 0,
    "lp_fallback_return": 0,
}
_NOP = re.compile(r"\s(?:nop|xchg\s+%ax,%ax|cs nop|data16)")


@dataclass(frozen=True)
class Build:
    """A specialised program, and how its requests are made. settings: environment."""

    compiler: str
    keys: str
    words: tuple[str, ...]
    settings: tuple[Mapping[str, str], ...]


IN_PROCESS = {"LP_ELITE": "inprocess"}
KERNEL = {"LP_ELITE": "kernel"}
FORCED = tuple(
    {"LP_ELITE": "inprocess", "LP_FORCE_DEOPT": how} for how in ("all", "nth:2", "random:3:0.2")
)
LOOP = 'loop = "serve"\n'
BUILDS = {
    "wait": Build("gcc", LOOP, (), (IN_PROCESS, KERNEL)),
    "wait-clang": Build("clang", LOOP, (), (IN_PROCESS, KERNEL)),
    # No thread keeps the only slot.
    "taken": Build("gcc", "stack_count = 1\n", (), (IN_PROCESS, KERNEL)),
    "queue": Build("gcc", 'mode = "queue"\nqueue_value = 0\n', (), (IN_PROCESS, KERNEL)),
    "stress": Build("gcc", LOOP, ("--stress",), FORCED),
    "stress-clang": Build("clang", LOOP, ("--stress",), FORCED),
}


@pytest.fixture(scope="module")
def preloaded(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What goes to LD_PRELOAD: the steps, and what there is of a driver."""
    folder = tmp_path_factory.mktemp("steps")
    include = f"-I{resource_dir('kernel') / 'uapi'}"
    made = []
    for source in (APPS / "unwinding" / "steps.c", APPS / "fake_device.c"):
        made.append(str(folder / f"{source.stem}.so"))
        words = ["gcc", "-O1", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-mno-red-zone"]
        subprocess.run([*words, include, str(source), "-o", made[-1], "-ldl"], check=True)
    return " ".join(made)


@pytest.fixture(scope="module")
def scouted(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Project]:
    """scouted(compiler): the program as it was scouted, made once."""

    @cache
    def make(compiler: str) -> Project:
        project = Project(tmp_path_factory.mktemp("unwinding"))
        project.write(
            app__c=(APPS / "unwinding" / "app.c").read_text(encoding="utf-8"),
            Makefile=f"app: app.o\n\t{compiler} -o $@ $^ -ldl\n"
            f"app.o: app.c\n\t{compiler} -O2 -g -D_GNU_SOURCE -c -o $@ $^\n",
            lp__toml=f'request = "handle"\nthreshold = 1.0\n{LOOP}',
        )
        project.wrap_ok("--phase", "scout", "make", "-s")
        assert project.run("./app", "scout").status == 0
        return project

    return make


def instructions(program: Path, symbol: str) -> set[int]:
    """Addresses of a function's instructions, but for what fills gaps."""
    words = ["objdump", "-d", "--no-show-raw-insn", f"--disassemble={symbol}", str(program)]
    text = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    lines = [line for line in text.splitlines() if re.match(r"\s+[0-9a-f]+:", line)]
    return {int(line.partition(":")[0], 16) for line in lines if not _NOP.search(line)}


@pytest.fixture(scope="module")
def left() -> dict[str, set[int]]:
    """Offsets of instructions of the assembly that no build has stepped on."""
    return {}


@pytest.mark.parametrize("name", BUILDS)
def test_unwinders_find_their_way_at_each_instruction(
    name: str,
    scouted: Callable[[str], Project],
    preloaded: str,
    left: dict[str, set[int]],
) -> None:
    build = BUILDS[name]
    project = scouted(build.compiler)
    project.write(lp__toml=f'request = "handle"\nthreshold = 1.0\n{build.keys}')
    for words in (("manifest",), ("build", "--output", name, *build.words)):
        done = project.lp(*words)
        assert done.status == 0, done.err
    program = project.root / name / "app"
    for settings in build.settings:
        steps = project.root / "steps"
        steps.unlink(missing_ok=True)
        done = project.run(
            str(program),
            **settings,
            LD_PRELOAD=preloaded,
            LD_BIND_NOW="1",
            STEPS=str(steps),
        )
        assert done.status == 0, done.err
        visited = {int(line, 16) for line in steps.read_text().split()}
        for symbol in ASSEMBLY:
            here = instructions(program, symbol)
            if here:
                start = min(here)
                offsets = {address - start for address in here - visited}
                left[symbol] = left.get(symbol, offsets) & offsets


def test_each_instruction_of_the_assembly_was_stepped_on(left: dict[str, set[int]]) -> None:
    assert {name: len(offsets) for name, offsets in left.items()} == ASSEMBLY
