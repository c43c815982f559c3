# SPDX-License-Identifier: GPL-2.0-only
"""How the heap and the test programs are compiled and run."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
RUNTIME = HERE.parent.parent / "c_runtime"
CORE = ("lock", "central", "pages")
PARTS = (*CORE, "side", "map", "malloc")
# as the runtime archive's objects are compiled
FLAGS = ("-O2", "-fno-builtin-malloc", "-fno-pic", "-mgeneral-regs-only", "-Wall", "-Wextra")
WARNINGS = ("-Wall", "-Wextra", "-Werror")


def run(*command: str | Path) -> str:
    """Run a command that must succeed; its standard output."""
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    assert done.returncode == 0, f"{command}:\n{done.stdout}{done.stderr}"
    return done.stdout


def heap_objects(folder: Path, compiler: str, *flags: str) -> list[Path]:
    """Compile the heap's parts into `folder`; the objects."""
    objects = []
    for part in PARTS:
        source = RUNTIME / "heap" / f"{part}.c"
        objects.append(folder / f"{part}.o")
        run(compiler, *flags, f"-I{RUNTIME}", "-Werror", "-c", source, "-o", objects[-1])
    return objects


@dataclass(frozen=True)
class Programs:
    """The test programs of tests/alloc/programs, linked with the heap in one way."""

    folder: Path
    objects: tuple[Path, ...]
    compiler: str
    link: tuple[str, ...]

    def path(self, name: str) -> Path:
        """The executable, linked when it is first asked for."""
        program = self.folder / name
        if not program.exists():
            source = HERE / "programs" / f"{name}.c"
            # -fno-builtin: the compiler must not reason about malloc instead of calling it
            flags = ("-O1", "-fno-builtin", "-pthread", *WARNINGS, f"-I{RUNTIME}", *self.link)
            run(self.compiler, *flags, source, *self.objects, "-o", program)
        return program

    def run(
        self, name: str, *arguments: str, timeout: int = 60
    ) -> subprocess.CompletedProcess[str]:
        """Run one to its end; a run longer than `timeout` seconds is a failure."""
        return subprocess.run(
            [self.path(name), *arguments], capture_output=True, text=True, timeout=timeout
        )
