# SPDX-License-Identifier: GPL-2.0-only
"""Builds of the forms of library calls, and of the programs that hold them against the library."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from lp_build.compile.runtime import HEAP_FILES, elite_archive, form_flags
from lp_build.config import Config
from lp_build.layout import BuildDir
from lp_build.projection.project import project_forms
from lp_build.resources import resource_dir
from tests.differential.kernel_form import run_here, sources

HERE = Path(__file__).parent
RUNTIME = resource_dir("c_runtime")
FORMS = sorted((RUNTIME / "forms").glob("*.c"))
COMPILERS = ("gcc", "clang")
_COMMON = ("-g", "-std=gnu11", "-D_GNU_SOURCE", "-fno-pic", "-fno-pie", "-Wall", "-Wextra")
_STRICT = ("-Werror", f"-I{RUNTIME}")
# -fno-builtin: the library's functions, not what the compiler makes of their names.
_PROGRAM = (*_COMMON, "-O1", "-fno-builtin", *_STRICT)
# Names of forms, but not of what forms know.
_FORM = re.compile(r"\b(lp_form_(?!thread\b|library\b)\w+)\b")


def run(*command: str | Path) -> str:
    """Run a command that must succeed; its standard output."""
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    assert done.returncode == 0, f"{command}:\n{done.stdout}{done.stderr}"
    return done.stdout


def archive(target: Path, objects: list[Path]) -> Path:
    run("ar", "rcs", target, *objects)
    return target


def heap(folder: Path, compiler: str) -> Path:
    """Our allocator: where the forms of the heap are linked, so is it."""
    objects = [folder / f"{Path(name).name}.o" for name in HEAP_FILES]
    for name, target in zip(HEAP_FILES, objects, strict=True):
        words = (*_COMMON, "-O2", "-fno-builtin", *_STRICT)
        run(compiler, *words, "-c", RUNTIME / name, "-o", target)
    return archive(folder / "libheap.a", objects)


@dataclass(frozen=True)
class Programs:
    """The programs of tests/forms/programs, linked with forms as one compiler makes them. kernel:
    with their kernel forms, and what plays the driver."""

    folder: Path
    compiler: str
    archives: tuple[Path, ...]
    kernel: bool = False

    def run(self, name: str, *arguments: str, environment: Mapping[str, str] | None = None) -> None:
        """Run a program; it must find nothing."""
        program = self.folder / name
        if not program.exists():
            self._link(HERE / "programs" / f"{name}.c", program)
        done = subprocess.run(
            [program, *arguments],
            capture_output=True,
            text=True,
            timeout=300,
            env={**os.environ, **(environment or {})},
        )
        assert (done.returncode, done.stderr) == (0, "")

    def _link(self, source: Path, program: Path) -> None:
        parts = [*self.archives, "-pthread", "-lm", "-no-pie", "-o", program]
        if not self.kernel:
            run(self.compiler, *_PROGRAM, source, *parts)
            return
        asm = program.with_suffix(".s")
        run(self.compiler, *_PROGRAM, "-S", source, "-o", asm)
        asm.write_text(_FORM.sub(r"\1.lp_kernel", asm.read_text("utf-8")), "utf-8")
        run(self.compiler, asm, *sources(), *parts)


@pytest.fixture(scope="session", params=COMPILERS)
def programs(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Programs:
    """Forms as an ordinary program's functions: what user space goes on in."""
    compiler, folder = request.param, tmp_path_factory.mktemp("forms")
    forms = [(path, form_flags(compiler, path.name, heap=True)) for path in FORMS]
    for name in ("kernel_side/forms.c", "dispatch/imports.c"):
        forms.append((RUNTIME / name, (*_COMMON, "-O2", *_STRICT)))
    objects = []
    for path, words in forms:
        objects.append(folder / f"{path.name}.o")
        run(compiler, *words, "-Werror", "-c", path, "-o", objects[-1])
    return Programs(
        folder, compiler, (archive(folder / "libforms.a", objects), heap(folder, compiler))
    )


@pytest.fixture(scope="session", params=COMPILERS)
def kernel_programs(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Programs:
    """The kernel forms of forms, in one process."""
    compiler, folder = request.param, tmp_path_factory.mktemp("kernel-forms")
    objects = []
    for path in FORMS:
        asm = folder / f"{path.stem}.s"
        run(compiler, *form_flags(compiler, path.name, heap=True), "-S", path, "-o", asm)
        text = run_here(project_forms(asm.read_text("utf-8"), path.name), stand_ins=False)
        asm.write_text(text, "utf-8")
        objects.append(folder / f"{path.stem}.o")
        run(compiler, "-c", asm, "-o", objects[-1])
    build = BuildDir(folder)
    build.runtime.mkdir(parents=True)
    runtime = elite_archive(build, Config(request="any"), compiler)
    forms = archive(folder / "libforms.a", objects)
    archives = (forms, heap(folder, compiler), runtime)
    return Programs(folder, compiler, archives, kernel=True)
