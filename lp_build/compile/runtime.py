# SPDX-License-Identifier: GPL-2.0-only
"""The runtime archives below `.lp/runtime/`, made once for each content: what was made for one
project is copied to the next."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import string
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from lp_build.compile.environment import without_shims
from lp_build.compile.shelf import Shelf, identity_of
from lp_build.config import Config
from lp_build.errors import LakePlacidError
from lp_build.files import locked
from lp_build.layout import BuildDir
from lp_build.processes import run_quietly
from lp_build.resources import resource_dir

_SCOUT_FLAGS = ("-O2", "-g", "-std=gnu11", "-D_GNU_SOURCE", "-fPIC", "-Wall", "-Wextra")
_HEAP_FLAGS = (
    *("-O2", "-g", "-std=gnu11", "-D_GNU_SOURCE", "-fno-builtin-malloc", "-fno-pic", "-fno-pie"),
    *("-mgeneral-regs-only", "-Wall", "-Wextra"),
)
_FORM_FLAGS = (
    *("-O2", "-g1", "-std=gnu11", "-D_GNU_SOURCE", "-fno-pic", "-fno-pie", "-mno-red-zone"),
    *("-fno-builtin", "-fno-stack-protector", "-fno-jump-tables"),
    *("-fasynchronous-unwind-tables", "-Wall", "-Wextra"),
)
# A program that has a form with SSE keeps these registers at each crossing: only where one must.
_FORMS_WITH_SSE = ("floating.c", "print.c")
_NO_SSE = ("-mgeneral-regs-only",)
_SSE = ("-mno-avx", "-fno-vectorize", "-fno-slp-vectorize")
_SSE_GCC = ("-mno-avx", "-fno-tree-vectorize")
# Without calls that the compiler makes of loops; and each form has a text of its own.
_FORM_FLAGS_GCC = ("-fno-tree-loop-distribute-patterns", "-fno-ipa-icf")
HEAP_FILES = (
    *("heap/lock.c", "heap/central.c", "heap/pages.c"),
    *("heap/side.c", "heap/map.c", "heap/malloc.c"),
)
_TRACE_FILE = "trace_file.c"
_HEAP_FORM = "heap.c"  # the only form that differs where the program has our allocator
_Source = tuple[Path, tuple[str, ...]]


def scout_archive(build: BuildDir, compiler: str) -> Path:
    """The scouting runtime; a program has it only where an instrumented unit refers to it."""
    return _tracing("scout", build, compiler, build.runtime / "liblp_scout.a", ())


def _c_string(path: Path) -> str:
    """A path as C has it, whatever characters are in it."""
    plain = b"/-_.+~ " + string.ascii_letters.encode() + string.digits.encode()
    # Three digits always: what follows may be one.
    escaped = (chr(c) if c in plain else f"\\{c:03o}" for c in os.fsencode(path))
    return f'"{"".join(escaped)}"'


def survey_archive(build: BuildDir, compiler: str, *, static: bool) -> Path:
    """The surveying runtime. static: for a program that is linked with `wrapped_calls` wrapped."""
    flags = ("-U_FORTIFY_SOURCE", *(["-DLP_SURVEY_WRAPPED"] if static else []))
    archive = build.runtime / ("liblp_survey_static.a" if static else "liblp_survey.a")
    return _tracing("survey", build, compiler, archive, flags)


def _tracing(
    name: str, build: BuildDir, compiler: str, archive: Path, flags: tuple[str, ...]
) -> Path:
    """A runtime that leaves files of what it saw: its own sources in room `name`, and what both
    have of the files, scout/trace_*. flags: more of them."""
    runtime = resource_dir("c_runtime")
    flags = (*_SCOUT_FLAGS, *flags, f"-I{runtime}")
    paths = sorted({*(runtime / name).iterdir(), *(runtime / "scout").glob("trace_*")})
    headers = [path for path in paths if path.suffix == ".h"]
    # One of them knows this project: the others are not compiled for each.
    sources = [(path, flags) for path in paths if path.suffix == ".c"]
    common = _archive(archive.with_stem(f"{archive.stem}_common"), sources, headers, compiler)
    default = f"-DLP_TRACE_DIR_DEFAULT={_c_string(build.traces)}"
    own = [(runtime / "scout" / _TRACE_FILE, (*flags, default))]
    return _archive(archive, own, headers, compiler, base=common, shared=False)


def wrapped_calls() -> list[str]:
    """The library calls that the surveying runtime wraps, as its source names them, in the order of
    their numbers in a survey."""
    source = resource_dir("c_runtime") / "survey" / "calls.c"
    text = source.read_text(encoding="utf-8")
    found = re.finditer(
        r"^(?:WRAP|RECEIVE|STREAM|SEND)\([^,(]+,\s*(\w+)|^(?:WAIT|PAUSE|PRINT)\((\w+)", text, re.M
    )
    return [match.group(1) or match.group(2) for match in found]


def elite_archive(
    build: BuildDir, config: Config, compiler: str = "cc", *, stress: bool = False
) -> Path:
    """The in-process runtime of one program, rendered for `config`."""
    from lp_build.compile.runtime_sources import render_runtime

    name = "elite-stress" if stress else "elite"
    with locked(build.runtime / f"{name}.lock"):
        rendered = render_runtime(config, build.runtime / name, stress=stress)
        sources = [(s.path, tuple(s.flags)) for s in rendered]
        headers = sorted((build.runtime / name).glob("*.h"))
        headers += sorted(resource_dir("c_runtime").rglob("*.h"))
        archive = build.runtime / f"liblp_runtime{'_stress' if stress else ''}.a"
        return _archive(archive, sources, headers, compiler)


def heap_archive(build: BuildDir, compiler: str) -> Path:
    """malloc and its kin that both sides can run; it replaces the library's where it is linked."""
    folder = resource_dir("c_runtime")
    sources = [(folder / name, (*_HEAP_FLAGS, f"-I{folder}")) for name in HEAP_FILES]
    headers = sorted((folder / "heap").glob("*.h"))
    return _archive(build.runtime / "liblp_heap.a", sources, headers, compiler)


def forms_archive(build: BuildDir, compiler: str, *, heap: bool) -> Path:
    """The forms of library calls that Elite makes in the kernel (docs/kernel.md), projected as the
    program's own code is. heap: for a program that is linked with `heap_archive`."""
    folder = resource_dir("c_runtime")
    files = sorted((folder / "forms").glob("*.c"))
    plain: Path | None = None
    if heap:
        # Its other members are the same: they are not compiled twice.
        plain = forms_archive(build, compiler, heap=False)
        files = [path for path in files if path.name == _HEAP_FORM]
    c = c_compiler(compiler)
    sources = [(path, form_flags(c, path.name, heap=heap)) for path in files]
    # The projection is a part of the compiler here.
    passes = Path(__file__).parent.parent / "projection"
    headers = [*folder.rglob("*.h"), *passes.glob("*.py")]
    # The heap's forms are made of its core.
    headers = sorted([*headers, *(folder / "heap").glob("*.c")])
    archive = build.runtime / ("liblp_forms_heap.a" if heap else "liblp_forms.a")
    return _archive(archive, sources, headers, compiler, _compile_form, plain)


def form_flags(compiler: str, name: str, *, heap: bool) -> tuple[str, ...]:
    """How C compiler `compiler` makes file `name` of c_runtime/forms/. heap: for a program that has
    our allocator."""
    from lp_build.compile.edited import is_clang

    clang = is_clang(compiler)
    registers = _NO_SSE if name not in _FORMS_WITH_SSE else _SSE if clang else _SSE_GCC
    of_gcc = () if clang else _FORM_FLAGS_GCC
    folder = resource_dir("c_runtime")
    return (*_FORM_FLAGS, *registers, *of_gcc, f"-I{folder}", f"-DLP_FORMS_HEAP={int(heap)}")


def _archive(
    archive: Path,
    sources: Sequence[_Source],
    headers: Sequence[Path],
    compiler: str,
    compile_one: Callable[[list[str], Path, Path], None] | None = None,
    base: Path | None = None,
    *,
    shared: bool = True,
) -> Path:
    """Compile `sources` into `archive`, unless that has been done for the same content, here or in
    another project. base: an archive of which this one is a copy but for them; shared: other
    projects may have the same one."""
    compiler = c_compiler(compiler)
    digest = hashlib.sha256(repr(identity_of(compiler)).encode())
    for path in (*headers, *(path for path, _ in sources)):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    # The archives' folder is in nothing that is made of them: see _compile.
    here = str(archive.parent)
    flags = [[flag.replace(here, "lp_runtime") for flag in flags] for _, flags in sources]
    digest.update(repr(flags).encode())
    if base is not None:
        digest.update(base.read_bytes())
    stamp = archive.with_suffix(".digest")
    with locked(archive.with_suffix(".lock")):
        known = stamp.read_text(encoding="utf-8") if stamp.exists() else ""
        if archive.exists() and known == digest.hexdigest():
            return archive
        shelf = Shelf.of_user(os.environ) if shared else Shelf(None)
        if not shelf.take(digest.hexdigest(), archive):
            _compile(archive, sources, compiler, compile_one or _compile_one, base)
            shelf.keep(digest.hexdigest(), archive)
        stamp.write_text(digest.hexdigest(), encoding="utf-8")
    return archive


def _compile(
    archive: Path,
    sources: Sequence[_Source],
    compiler: str,
    compile_one: Callable[[list[str], Path, Path], None],
    base: Path | None,
) -> None:
    # The same bytes in every folder: builds that can be reproduced stay so.
    here = archive.parent
    with tempfile.TemporaryDirectory(dir=here) as folder:
        objects: list[str] = []
        for path, flags in sources:
            target = Path(folder) / f"{path.name}.o"
            same = f"-ffile-prefix-map={here}=lp_runtime"
            compile_one([*compiler.split(), *flags, same], path, target)
            objects.append(str(target))
        fresh = Path(folder) / archive.name
        if base is not None:
            shutil.copyfile(base, fresh)
        _run([*archiver(), "rcs", str(fresh), *objects], here)
        fresh.replace(archive)


def _compile_one(command: list[str], source: Path, target: Path) -> None:
    # Below the archives' folder: the names in debug information begin there.
    _run([*command, "-c", str(source), "-o", str(target)], target.parent.parent)


def _compile_form(command: list[str], source: Path, target: Path) -> None:
    """Compile to assembly, project, assemble: every function of the file is Elite."""
    from lp_build.projection.project import project_forms

    asm, folder = target.with_suffix(".s"), target.parent.parent
    _run([*command, "-S", str(source), "-o", str(asm)], folder)
    text = project_forms(asm.read_text(encoding="utf-8"), source.name)
    asm.write_text(text, encoding="utf-8")
    _run([*command, "-c", str(asm), "-o", str(target)], folder)


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
