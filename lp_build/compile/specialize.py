# SPDX-License-Identifier: GPL-2.0-only
"""One unit specialised: marked, compiled, projected and assembled to an object with Elite code."""

from __future__ import annotations

import json
import os
import re
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from lp_build.compile.edited import (
    Treated,
    compile_edited,
    coverage_flags,
    does_not_compile,
    is_clang,
)
from lp_build.compile.environment import Session, launched
from lp_build.config import Config
from lp_build.files import write_whole
from lp_build.layout import BuildDir
from lp_build.model.sites import Problem
from lp_build.model.verdicts import Manifest
from lp_build.processes import run_quietly
from lp_build.store.capture import Unit, defined_names

if TYPE_CHECKING:
    from lp_build.projection.project import Projection
    from lp_build.projection.request import ProjectionRequest

# Behind the build's own flags, so that these win. An object for Elite is never
# position-independent, has no red zone (a deopt pushes on the stack) and describes its frames by
# directives.
_SPECIALIZE = (
    *("-fno-pic", "-fno-pie", "-mno-red-zone", "-fasynchronous-unwind-tables", "-fno-lto"),
    "-fno-verbose-asm",
)
# Names of files that stand in line markers as they are.
_QUOTED_AS_IS = re.compile(r"[\w.+-]+", re.ASCII)


def mentions(text: bytes, manifest: Manifest, config: Config) -> bool:
    """Whether a unit may define an Elite function, or one that lp.toml names: a textual search,
    before libclang is asked. Where a function is defined, a line marker names its file."""
    wanted = {f"{f.file}:{f.name}" for f in manifest.elite_functions()}
    wanted.update(name for name in (config.request, config.loop) if name)
    names: dict[str, list[bytes]] = {}
    for function in wanted:
        file, _, name = function.rpartition(":")
        names.setdefault(os.path.basename(file), []).append(name.encode())
    return any(
        (file.encode() in text or not _QUOTED_AS_IS.fullmatch(file))
        and any(name in text for name in found)
        for file, found in names.items()
    )


@lru_cache(maxsize=1)
def _manifest(path: Path, _stamp: tuple[int, int, int]) -> Manifest:
    from lp_build.manifest.manifest import load_manifest

    return load_manifest(path)


def current_manifest(build: BuildDir) -> Manifest:
    """The manifest, read once for all units of a build unless it changes: lp-wrap's server reads it
    before it forks. Raises LakePlacidError as `load_manifest` does."""
    try:
        info = build.manifest.stat()
    except OSError:
        return _manifest(build.manifest, (0, 0, 0))
    return _manifest(build.manifest, (info.st_ino, info.st_size, info.st_mtime_ns))


def specialize(
    session: Session, unit: Unit, manifest: Manifest, defined: frozenset[str] | None
) -> Treated:
    """Mark, compile, project and assemble one unit.

    defined: the program's own functions that have the name of a library call; None: as captured.
    Raises LakePlacidError when the unit has to stay plain.
    """
    build, config, stress = session.build, session.config, session.stress
    description(build, unit, stress).unlink(missing_ok=True)
    text = unit.preprocessed(build).read_bytes()
    if not mentions(text, manifest, config):
        return Treated(None)
    from lp_build.projection.request import request_for
    from lp_build.source.specialize import specialize_source

    marked = specialize_source(
        text,
        cwd=unit.cwd,
        build=build,
        config=config,
        manifest=manifest,
        stress=stress,
        clang=is_clang(unit.compiler),
        language=unit.language,
    )
    here = {(f.key, f.digest) for f in marked.functions.functions}
    elite_here = any((f.key, f.digest) in here for f in manifest.elite_functions())
    if not elite_here and not marked.not_elite:
        return Treated(None, marked.functions, marked.problems)
    folder, name = unit.folder(build), "stress" if stress else "elite"
    edited, asm = folder / f"{name}.i", folder / f"{name}.s"
    edited.write_bytes(marked.text)
    flags = [f for f in unit.flags if not f.startswith(("-flto", "-ffat-lto", "-gsplit-dwarf"))]
    flags += [*coverage_flags(unit), *_SPECIALIZE, *(() if unit.debug else ("-g1",))]
    if "-fno-dwarf2-cfi-asm" in flags:
        flags.append("-fdwarf2-cfi-asm")
    arguments = [*flags, "-x", "cpp-output", "-S", str(edited), "-o", str(asm)]
    compile_edited(unit, arguments, session.launcher)
    request = request_for(
        marked,
        cwd=unit.cwd,
        build=build,
        config=config,
        manifest=manifest,
        stress=stress,
        keep_debug=unit.debug,
        defined=defined_functions(build) if defined is None else defined,
    )
    compiled = asm.read_text(encoding="utf-8", errors="surrogateescape")
    projection = _assembled(unit, compiled, request, folder / name)
    write_whole(description(build, unit, stress), _describe(projection))
    lines = {f.name: (f.file, f.line) for f in marked.functions.functions}
    problems = list(marked.problems)
    for rejected in projection.rejected:
        file, line = lines.get(rejected.function, (unit.source, 1))
        reason = f"{rejected.function} is not Elite: {rejected.reason}"
        problems.append(Problem(file, line, reason))
    for rejected in projection.no_kernel:
        file, line = lines.get(rejected.function, (unit.source, 1))
        reason = f"{rejected.function} has no kernel form: {rejected.reason}"
        problems.append(Problem(file, line, reason))
    if not projection.functions:
        return Treated(None, marked.functions, tuple(problems))
    elite = tuple(f.name for f in projection.functions)
    return Treated(folder / f"{name}.o", marked.functions, tuple(problems), elite)


def _assembled(unit: Unit, asm: str, request: ProjectionRequest, stem: Path) -> Projection:
    """The projection of a unit, assembled to `stem`.o. What the assembler refuses, a defect of
    ours, is left out. Raises LakePlacidError when it refuses anything but a function."""
    from lp_build.projection.project import project, without

    combined, target = stem.with_suffix(".lp.s"), stem.with_suffix(".o")
    assembler = [f for f in unit.flags if f.startswith("-Wa,")]
    arguments = [*assembler, "-c", str(combined), "-o", str(target)]
    while True:
        projection = project(asm, request)
        if not projection.functions:
            return projection
        combined.write_text(projection.text, encoding="utf-8", errors="surrogateescape")
        done = run_quietly([*launched("", unit.compiler), *arguments], unit.cwd)
        if done.status == 0:
            return projection
        smaller = without(request, projection.text, done.output)
        if smaller is None or smaller == request:
            raise does_not_compile(unit, done.output)
        request = smaller


def description(build: BuildDir, unit: Unit, stress: bool) -> Path:
    """Where it is told what became of a unit's Elite functions, for summaries and reports."""
    return unit.folder(build) / ("stress.json" if stress else "elite.json")


def describe_plain(build: BuildDir, unit: Unit, stress: bool) -> None:
    """Say that a unit has no Elite functions, unless something has been said of it."""
    from lp_build.projection.project import Projection

    path = description(build, unit, stress)
    if not path.exists():
        write_whole(path, _describe(Projection("", (), ())))


def _describe(projection: Projection) -> bytes:
    functions = [
        {
            "name": f.name,
            "instructions": f.instructions,
            "deopt_sites": f.deopts,
            "floating_point": f.uses_fp,
            "stops": [vars(stop) for stop in f.stops],
        }
        for f in projection.functions
    ]
    kernel = [
        {"name": f.name, "stops": [vars(stop) for stop in f.stops]} for f in projection.kernel
    ]
    data = {
        "functions": functions,
        "not_elite": [{"name": r.function, "reason": r.reason} for r in projection.rejected],
        "kernel": kernel,
        "not_kernel": [{"name": r.function, "reason": r.reason} for r in projection.no_kernel],
        "enters": projection.enters,
    }
    return json.dumps(data, indent=1).encode()


def defined_functions(build: BuildDir) -> frozenset[str]:
    """Functions that the program's units define and that have the name of a library call."""
    from lp_build.projection.libcalls import direct_calls, thread_calls

    return (direct_calls() | thread_calls().keys()) & defined_names(build)
