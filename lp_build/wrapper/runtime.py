"""The runtime archives below `.lp/runtime/`, made once for each content."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from lp_build.config import Config
from lp_build.errors import LakePlacidError
from lp_build.layout import BuildDir
from lp_build.resources import resource_dir
from lp_build.wrapper.environment import without_shims
from lp_build.wrapper.files import locked
from lp_build.wrapper.process import run_quietly

_SCOUT_FLAGS = ("-O2", "-g", "-std=gnu11", "-D_GNU_SOURCE", "-fPIC", "-Wall", "-Wextra")
_HEAP_FLAGS = (
    *("-O2", "-g", "-std=gnu11", "-D_GNU_SOURCE", "-fno-builtin-malloc", "-fno-pic", "-fno-pie"),
    *("-mgeneral-regs-only", "-Wall", "-Wextra"),
)
HEAP_FILES = ("lp_alloc_central.c", "lp_alloc_pages.c", "lp_alloc_map.c", "lp_alloc_user.c")
_Source = tuple[Path, tuple[str, ...]]


def scout_archive(build: BuildDir, compiler: str) -> Path:
    """The scouting runtime; a program has it only where an instrumented unit refers to it."""
    folder = resource_dir("c_runtime") / "scout"
    default = f'-DLP_TRACE_DIR_DEFAULT="{build.traces}"'
    sources = [(path, (*_SCOUT_FLAGS, default)) for path in sorted(folder.glob("*.c"))]
    headers = sorted(folder.glob("*.h"))
    return _archive(build.runtime / "liblp_scout.a", sources, headers, compiler)


def elite_archive(
    build: BuildDir, config: Config, compiler: str = "cc", *, stress: bool = False
) -> Path:
    """The in-process runtime of one program, rendered for `config`."""
    from lp_build.runtime_render import render_runtime

    name = "elite-stress" if stress else "elite"
    with locked(build.runtime / f"{name}.lock"):
        rendered = render_runtime(config, build.runtime / name, stress=stress)
        sources = [(s.path, tuple(s.flags)) for s in rendered]
        headers = sorted((build.runtime / name).glob("*.h"))
        headers += sorted(resource_dir("c_runtime").glob("*.h"))
        archive = build.runtime / f"liblp_runtime{'_stress' if stress else ''}.a"
        return _archive(archive, sources, headers, compiler)


def heap_archive(build: BuildDir, compiler: str) -> Path:
    """malloc and its kin that both sides can run; it replaces the library's where it is linked."""
    folder = resource_dir("c_runtime")
    sources = [(folder / name, (*_HEAP_FLAGS, f"-I{folder}")) for name in HEAP_FILES]
    headers = sorted(folder.glob("lp_alloc*.h"))
    return _archive(build.runtime / "liblp_heap.a", sources, headers, compiler)


def _archive(
    archive: Path, sources: Sequence[_Source], headers: Sequence[Path], compiler: str
) -> Path:
    """Compile `sources` into `archive`, unless that has been done for the same content."""
    compiler = c_compiler(compiler)
    digest = hashlib.sha256(compiler.encode())
    for path in (*headers, *(path for path, _ in sources)):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    digest.update(repr([flags for _, flags in sources]).encode())
    stamp = archive.with_suffix(".digest")
    with locked(archive.with_suffix(".lock")):
        known = stamp.read_text(encoding="utf-8") if stamp.exists() else ""
        if archive.exists() and known == digest.hexdigest():
            return archive
        _compile(archive, sources, compiler)
        stamp.write_text(digest.hexdigest(), encoding="utf-8")
    return archive


def _compile(archive: Path, sources: Sequence[_Source], compiler: str) -> None:
    # The same bytes in every folder: builds that can be reproduced stay so.
    here = archive.parent
    with tempfile.TemporaryDirectory(dir=here) as folder:
        objects: list[str] = []
        for path, flags in sources:
            target = str(Path(folder) / f"{path.name}.o")
            same = f"-ffile-prefix-map={here}=lp_runtime"
            _run([*compiler.split(), *flags, same, "-c", str(path), "-o", target], here)
            objects.append(target)
        fresh = Path(folder) / archive.name
        _run([*archiver(), "rcs", str(fresh), *objects], here)
        fresh.replace(archive)


def c_compiler(compiler: str) -> str:
    """The C compiler that belongs to the one a program is linked by, which may be for C++ or
    Fortran."""
    *before, command = compiler.split()
    folder, name = os.path.split(command)
    if "++" in name:
        name = name.replace("clang++", "clang").replace("g++", "gcc").replace("c++", "cc")
    elif "fortran" in name:
        folder, name = "", "cc"
    return " ".join([*before, os.path.join(folder, name)])


def archiver() -> list[str]:
    """The real ar: our own shim must not journal what we put together as the application's."""
    return [shutil.which("ar", path=without_shims(os.environ)) or "ar"]


def _run(command: list[str], folder: Path) -> None:
    done = run_quietly(command, str(folder))
    if done.status != 0:
        raise LakePlacidError(
            f"the runtime cannot be built: `{' '.join(command)}` failed:\n{done.output}",
            remedy="this is a defect of LakePlacid, or the compiler is not supported",
        )
