# SPDX-License-Identifier: GPL-2.0-only
"""What a wrapped build leaves in `.lp/` of each translation unit."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

from lp_build.errors import LakePlacidError
from lp_build.files import digest_of, write_whole
from lp_build.layout import BuildDir
from lp_build.model.language import language_arguments, standard_from_macros
from lp_build.model.sites import Function, UnitSites
from lp_build.processes import run_quietly

Record = TypeVar("Record")

_DEFINED = "defined"


@dataclass(frozen=True)
class Unit:
    """One captured translation unit.

    source: as the command named it, in folder cwd. object: where the build wants it (absolute).
    argv: the command, without the compiler (words: ccache gcc). flags: for compiling the edited,
    preprocessed text. debug, coverage: whether the command asks for these. plain: why our passes
    leave the unit alone ("" if they don't). text: digest of the preprocessed text. elite: Elite
    functions in the object that the wrapped build made. standard: the compiler's default one, as
    libclang calls it, where the flags name none.
    """

    id: str
    cwd: str
    source: str
    object: str
    compiler: str
    argv: tuple[str, ...]
    flags: tuple[str, ...]
    debug: bool = False
    coverage: bool = False
    plain: str = ""
    text: str = ""
    elite: tuple[str, ...] = ()
    standard: str = ""

    def folder(self, build: BuildDir) -> Path:
        """Its folder below `.lp/units/`."""
        return build.units / self.id

    @property
    def language(self) -> tuple[str, ...]:
        """Which C it is written in, as `parse_unit` takes it."""
        return language_arguments(self.flags, *filter(None, [self.standard]))

    def preprocessed(self, build: BuildDir) -> Path:
        """The unit's text as the compiler's -E gave it."""
        return self.folder(build) / "x.i"

    def plain_object(self, build: BuildDir) -> Path:
        """The object as the real compiler made it."""
        return self.folder(build) / "plain.o"


def default_standard(build: BuildDir, compiler: str) -> str:
    """The standard of C that a compiler takes where it is told of none, as libclang calls it; ""
    where it doesn't say. Asked once for each compiler. Raises OSError."""
    path = shutil.which(compiler.split()[-1]) or ""
    stamp = os.stat(path) if path else None
    known = [compiler, path, *((stamp.st_size, stamp.st_mtime_ns) if stamp else ())]
    file = build.path / "compilers" / digest_of(repr(known).encode())[:24]
    if not file.exists():
        asked = run_quietly([*compiler.split(), "-dM", "-E", "-x", "c", os.devnull])
        found = standard_from_macros(asked.output) if asked.status == 0 else ""
        write_whole(file, found.encode())
    return file.read_text(encoding="utf-8")


def unit_id(cwd: str, target: str) -> str:
    """A stable folder name for the unit whose object is `target`."""
    full = os.path.normpath(os.path.join(cwd, target))
    stem = os.path.splitext(os.path.basename(target))[0]
    return f"{stem[:40]}-{digest_of(os.fsencode(full))[:12]}"


def save_unit(build: BuildDir, unit: Unit, sites: UnitSites | None) -> None:
    """Write `unit.json`, and `sites.json` where the sites are known. Sites of an earlier phase
    stay while the unit's text is the same."""
    folder = unit.folder(build)
    kept = folder / "sites.json"
    if sites is not None:
        write_whole(kept, json.dumps(sites.to_json()).encode())
        write_whole(folder / _DEFINED, "\n".join(_external(sites)).encode())
    elif kept.exists() and _text_of(folder / "unit.json") != unit.text:
        kept.unlink()
        (folder / _DEFINED).unlink(missing_ok=True)
    write_whole(folder / "unit.json", json.dumps(asdict(unit), indent=1).encode())


def _text_of(path: Path) -> str:
    """The digest of the text that a unit had when it was saved; "" when that can't be told."""
    try:
        return str(json.loads(path.read_text(encoding="utf-8"))["text"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def load_unit(path: Path) -> Unit:
    """Read a `unit.json`. Raises LakePlacidError for a damaged or missing one."""

    def made(data: dict[str, Any]) -> Unit:
        return Unit(**{**data, **{key: tuple(data[key]) for key in ("argv", "flags", "elite")}})

    return _read_record(path, "a unit", made)


def _read_record(path: Path, what: str, made: Callable[[dict[str, Any]], Record]) -> Record:
    """What is `made` of a file's content. Raises LakePlacidError for a damaged or missing one."""
    try:
        return made(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise LakePlacidError(
            f"damaged record of {what}: {error}",
            file=str(path),
            remedy="remove .lp/ and build again with lp-wrap",
        ) from error


def load_units(build: BuildDir) -> list[Unit]:
    """All captured units, by id. Raises LakePlacidError for a damaged one."""
    return [load_unit(path) for path in sorted(build.units.glob("*/unit.json"))]


def load_sites(build: BuildDir, unit: Unit) -> UnitSites | None:
    """A unit's functions and sites, if a pass has looked at it. Raises LakePlacidError for a
    damaged record."""
    path = unit.folder(build) / "sites.json"
    return _read_sites(path) if path.exists() else None


def captured_functions(build: BuildDir) -> dict[str, dict[str, Function]] | None:
    """The functions of the captured sources by key and digest; None where nothing is captured."""
    found: dict[str, dict[str, Function]] = {}
    for unit in load_units(build):
        sites = load_sites(build, unit)
        for function in sites.functions if sites else ():
            found.setdefault(function.key, {})[function.digest] = function
    return found or None


def _read_sites(path: Path) -> UnitSites:
    return _read_record(path, "sites", UnitSites.from_json)


def defined_names(build: BuildDir) -> set[str]:
    """The functions with external linkage of all units whose sites are known. Each unit that has
    Elite functions asks for those of all others, so they have a file of their own. Raises
    LakePlacidError for a damaged record of sites."""
    names: set[str] = set()
    for sites in build.units.glob("*/sites.json"):
        try:
            names.update(sites.with_name(_DEFINED).read_text(encoding="utf-8").split())
        except FileNotFoundError:  # of an earlier version
            names.update(_external(_read_sites(sites)))
    return names


def _external(sites: UnitSites) -> list[str]:
    return sorted(f.name for f in sites.functions if not f.static)
