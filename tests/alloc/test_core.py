# SPDX-License-Identifier: GPL-2.0-only
"""The heap's core can run where there is no libc, no system call and no waiting."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.alloc.build import CORE, HERE, RUNTIME, Programs, run

KERNEL_FLAGS = (
    *("-D__KERNEL__", "-ffreestanding", "-nostdinc", "-std=gnu11", "-O2", "-Wall", "-Wextra"),
    *("-Werror", "-fno-pic", "-mno-red-zone", "-mcmodel=kernel", "-mgeneral-regs-only"),
    *(f"-I{HERE / 'kernel_stub'}", f"-I{RUNTIME}"),
)


@pytest.fixture(scope="session", params=["gcc", "clang"])
def kernel_core(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The core, compiled as the kernel would, in one object."""
    folder = tmp_path_factory.mktemp("kernel")
    objects = [folder / f"{part}.o" for part in CORE]
    for part, target in zip(CORE, objects, strict=True):
        run(request.param, *KERNEL_FLAGS, "-c", RUNTIME / "heap" / f"{part}.c", "-o", target)
    core = folder / "core.o"
    run("ld", "-r", *objects, "-o", core)
    return core


def test_core_needs_only_what_a_side_provides(kernel_core: Path) -> None:
    """No libc but what a compiler may always call, and no waiting."""
    undefined = {line.split()[-1] for line in run("nm", "-u", kernel_core).splitlines()}
    assert undefined == {"lp_heap", "lp_side_wake", "memcpy", "memset"}


def test_core_makes_no_system_call_and_uses_no_vector_registers(kernel_core: Path) -> None:
    """Nor thread-local storage: it gets its cache as an argument."""
    code = run("objdump", "-d", "--no-show-raw-insn", kernel_core)
    assert re.findall(r"\bsyscall\b|%[xyz]mm|%st\b|%fs:|%gs:", code) == []


def test_try_forms_change_nothing_when_they_need_the_user_side(dynamic: Programs) -> None:
    """Compares the whole heap, the cache and a segment's header before and after."""
    done = dynamic.run("sides", "unchanged")
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("threads", [2, 4])
def test_both_sides_share_a_heap(dynamic: Programs, threads: int) -> None:
    """One side with the try forms only, one with malloc; they free each other's blocks."""
    done = dynamic.run("sides", "together", str(threads), "300000")
    assert (done.returncode, done.stderr) == (0, "")
