"""Builds of the forms of library calls, and of the programs that hold them against the library."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from lp_build.resources import resource_dir
from lp_build.wrapper.runtime import HEAP_FILES, form_flags

HERE = Path(__file__).parent
RUNTIME = resource_dir("c_runtime")
FORMS = sorted((RUNTIME / "forms").glob("*.c"))
_COMMON = ("-g", "-std=gnu11", "-D_GNU_SOURCE", "-fno-pic", "-fno-pie", "-Wall", "-Wextra")


def run(*command: str | Path) -> str:
    """Run a command that must succeed; its standard output."""
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    assert done.returncode == 0, f"{command}:\n{done.stdout}{done.stderr}"
    return done.stdout


@dataclass(frozen=True)
class Programs:
    """The programs of tests/forms/programs, linked with the forms as one compiler makes them."""

    folder: Path
    compiler: str
    archives: tuple[Path, ...]

    def run(self, name: str, *arguments: str) -> None:
        """Run a program; it must find nothing."""
        program = self.folder / name
        if not program.exists():
            # -fno-builtin: the library's functions, not what the compiler makes of their names.
            words = (*_COMMON, "-O1", "-Werror", "-fno-builtin", f"-I{RUNTIME}", "-no-pie")
            source = HERE / "programs" / f"{name}.c"
            run(self.compiler, *words, source, *self.archives, "-pthread", "-o", program)
        done = subprocess.run([program, *arguments], capture_output=True, text=True, timeout=120)
        assert (done.returncode, done.stderr) == (0, "")


@pytest.fixture(scope="session", params=["gcc", "clang"])
def programs(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Programs:
    """Forms as an ordinary program's functions: what user space goes on in."""
    compiler, folder = request.param, tmp_path_factory.mktemp("forms")
    include = f"-I{RUNTIME}"
    flags = form_flags(compiler, heap=True)
    forms = [(path, flags) for path in FORMS]
    forms.append((RUNTIME / "lp_forms.c", (*_COMMON, "-O2", include)))
    heap = [(RUNTIME / name, (*_COMMON, "-O2", "-fno-builtin", include)) for name in HEAP_FILES]
    archives = []
    for name, sources in (("forms", forms), ("heap", heap)):
        objects = []
        for path, words in sources:
            objects.append(folder / f"{path.name}.o")
            run(compiler, *words, "-Werror", "-c", path, "-o", objects[-1])
        archives.append(folder / f"lib{name}.a")
        run("ar", "rcs", archives[-1], *objects)
    # Where the forms of the heap are linked, so is the heap.
    return Programs(folder, compiler, tuple(archives))
