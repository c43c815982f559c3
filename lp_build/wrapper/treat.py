"""One captured unit through a phase's passes, to an object that may replace the plain one."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lp_build.config import is_function
from lp_build.errors import LakePlacidError
from lp_build.profile.verdicts import Manifest
from lp_build.source.model import UnitSites
from lp_build.wrapper.capture import Unit, load_sites, load_units, report
from lp_build.wrapper.environment import Session

if TYPE_CHECKING:
    from lp_build.projection.project import Projection

# Behind the build's own flags, so that these win. An object for Elite is never
# position-independent, has no red zone (a deopt pushes on the stack) and describes its frames.
SPECIALIZE_FLAGS = (
    *("-fno-pic", "-fno-pie", "-mno-red-zone", "-fasynchronous-unwind-tables", "-fno-lto"),
    "-fdwarf2-cfi-asm",
)


@dataclass(frozen=True)
class Treated:
    """object: None where the plain one stays. sites: what the pass saw, if it looked."""

    object: Path | None
    sites: UnitSites | None
    elite_functions: tuple[str, ...] = ()


def is_clang(compiler: str) -> bool:
    """Whether a compiler is clang, by its name, else by what it says of itself."""
    name = Path(compiler).name
    if "clang" in name or "gcc" in name:
        return "clang" in name
    done = subprocess.run([compiler, "--version"], capture_output=True, text=True, check=False)
    return "clang" in done.stdout


def treat(session: Session, unit: Unit) -> Treated:
    """Scout or specialise one unit. Raises LakePlacidError when it has to stay plain."""
    if session.phase == "scout":
        return _scout(session, unit)
    from lp_build.profile.manifest import load_manifest

    manifest = load_manifest(session.build.manifest)
    return specialize(session, unit, manifest)


def _scout(session: Session, unit: Unit) -> Treated:
    from lp_build.source.scout import scout_source

    text = unit.preprocessed(session.build).read_bytes()
    scouted = scout_source(text, cwd=unit.cwd, build=session.build, config=session.config())
    for problem in scouted.problems:
        report(session.build, session.phase, problem.file, problem.line, problem.reason)
    if not scouted.sites.functions:
        return Treated(None, scouted.sites)
    edited = unit.folder(session.build) / "scout.i"
    edited.write_bytes(scouted.text)
    target = unit.folder(session.build) / "scout.o"
    flags = [*unit.flags, "-w", "-fno-lto"]
    _compile(
        [unit.compiler, *flags, "-x", "cpp-output", "-c", str(edited), "-o", str(target)], unit
    )
    return Treated(target, scouted.sites)


def has_elite(text: bytes, manifest: Manifest) -> bool:
    """Whether a unit may define an Elite function: a textual search, before libclang is asked."""
    return any(f"{f.name}".encode() in text for f in manifest.elite_functions())


def specialize(session: Session, unit: Unit, manifest: Manifest) -> Treated:
    """Mark, compile, project and assemble one unit.

    Raises LakePlacidError when it has to stay plain.
    """
    from lp_build.projection.project import project, request_for
    from lp_build.source.specialize import specialize_source

    build, config = session.build, session.config()
    text = unit.preprocessed(build).read_bytes()
    if not has_elite(text, manifest):
        return Treated(None, None)
    marked = specialize_source(
        text,
        cwd=unit.cwd,
        build=build,
        config=config,
        manifest=manifest,
        stress=session.stress,
        clang=is_clang(unit.compiler),
    )
    for problem in marked.problems:
        report(build, session.phase, problem.file, problem.line, problem.reason)
    here = {f.key for f in marked.functions.functions}
    if not any(f.key in here for f in manifest.elite_functions()):
        return Treated(None, marked.functions)
    name = "stress" if session.stress else "elite"
    folder = unit.folder(build)
    edited, asm = folder / f"{name}.i", folder / f"{name}.s"
    edited.write_bytes(marked.text)
    debug = any(f.startswith("-g") and f != "-g0" for f in unit.flags)
    flags = [*unit.flags, "-w", *SPECIALIZE_FLAGS, *(() if debug else ("-g1",))]
    flags = [f for f in flags if not (f.startswith("-flto") or f == "-fdwarf2-cfi-asm")]
    if "-fno-dwarf2-cfi-asm" in unit.flags:
        flags.append("-fdwarf2-cfi-asm")
    _compile([unit.compiler, *flags, "-x", "cpp-output", "-S", str(edited), "-o", str(asm)], unit)
    projection = project(
        asm.read_text(encoding="utf-8", errors="surrogateescape"),
        request_for(
            marked,
            cwd=unit.cwd,
            build=build,
            config=config,
            manifest=manifest,
            stress=session.stress,
            keep_debug=debug,
            defined=defined_functions(session),
        ),
    )
    for rejected in projection.rejected:
        report(build, session.phase, unit.source, 1, f"{rejected.function}: {rejected.reason}")
    if not projection.functions:
        return Treated(None, marked.functions)
    _describe(folder / f"{name}.json", projection)
    combined = folder / f"{name}.lp.s"
    combined.write_text(projection.text, encoding="utf-8", errors="surrogateescape")
    target = folder / f"{name}.o"
    assembler = [f for f in unit.flags if f.startswith("-Wa,") or f in ("-m64", "-pipe")]
    _compile([unit.compiler, *assembler, "-c", str(combined), "-o", str(target)], unit)
    return Treated(target, marked.functions, tuple(f.name for f in projection.functions))


def _describe(path: Path, projection: Projection) -> None:
    """What became of the unit's Elite functions, for `lp build`'s summary and for reports."""
    functions = [
        {
            "name": f.name,
            "instructions": f.instructions,
            "deopt_sites": f.deopts,
            "floating_point": f.uses_fp,
        }
        for f in projection.functions
    ]
    rejected = [{"name": r.function, "reason": r.reason} for r in projection.rejected]
    path.write_text(json.dumps({"functions": functions, "not_elite": rejected}, indent=1))


def _compile(command: list[str], unit: Unit) -> None:
    """Run the compiler in the unit's folder; the flags may name files relative to it."""
    done = subprocess.run(command, cwd=unit.cwd, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise LakePlacidError(
            f"our edited text does not compile: {done.stderr.strip()[:600]}",
            file=unit.source,
            remedy="it is compiled plainly; please report this",
        )


def defined_functions(session: Session) -> frozenset[str]:
    """Global functions that the program's units define, as far as they are captured."""
    names: set[str] = set()
    for unit in load_units(session.build):
        sites = load_sites(session.build, unit)
        if sites is not None:
            names |= {f.name for f in sites.functions if not f.static}
    return frozenset(names)


def missing_functions(session: Session) -> list[str]:
    """The functions that lp.toml names and no captured unit defines."""
    config = session.config()
    functions = [
        function
        for unit in load_units(session.build)
        for sites in [load_sites(session.build, unit)]
        if sites is not None
        for function in sites.functions
    ]
    wanted = [name for name in (config.request, config.loop) if name]
    return [w for w in wanted if not any(is_function(w, f.file, f.name) for f in functions)]
