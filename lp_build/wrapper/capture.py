"""What a wrapped build leaves in `.lp/`: units, and the steps that put them together."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from lp_build.errors import LakePlacidError
from lp_build.layout import BuildDir
from lp_build.source.model import UnitSites
from lp_build.wrapper.files import append_json, write_whole


@dataclass(frozen=True)
class Unit:
    """One captured translation unit.

    object: where the build wants it (absolute). flags: for compiling what is preprocessed.
    plain: why our passes leave it alone ("" if they don't). digests: of the objects that stood at
    `object`, so that copies (as libtool makes them) are known again.
    """

    id: str
    cwd: str
    source: str
    object: str
    compiler: str
    argv: tuple[str, ...]
    flags: tuple[str, ...]
    plain: str = ""
    digests: tuple[str, ...] = ()

    def folder(self, build: BuildDir) -> Path:
        """Its folder below `.lp/units/`."""
        return build.units / self.id

    def preprocessed(self, build: BuildDir) -> Path:
        """The unit's text as the compiler's -E gave it."""
        return self.folder(build) / "unit.i"

    def plain_object(self, build: BuildDir) -> Path:
        """The object as the real compiler made it."""
        return self.folder(build) / "plain.o"


def unit_id(cwd: str, target: str) -> str:
    """A stable folder name for the unit whose object is `target`."""
    full = os.path.normpath(os.path.join(cwd, target))
    return f"{Path(target).stem[:40]}-{hashlib.sha256(full.encode()).hexdigest()[:12]}"


def save_unit(build: BuildDir, unit: Unit, sites: UnitSites | None) -> None:
    """Write `unit.json`, and `sites.json` where the sites are known."""
    folder = unit.folder(build)
    write_whole(folder / "unit.json", json.dumps(asdict(unit), indent=1).encode())
    if sites is not None:
        write_whole(folder / "sites.json", json.dumps(sites.to_json()).encode())


def load_units(build: BuildDir) -> list[Unit]:
    """All captured units, by id. Raises LakePlacidError for a damaged one."""
    units: list[Unit] = []
    for path in sorted(build.units.glob("*/unit.json")):
        try:
            data: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            for key in ("argv", "flags", "digests"):
                data[key] = tuple(data[key])
            units.append(Unit(**data))
        except (ValueError, TypeError, KeyError) as error:
            raise LakePlacidError(
                f"damaged record of a unit: {error}",
                file=str(path),
                remedy="build again with lp-wrap after removing .lp/",
            ) from error
    return units


def load_sites(build: BuildDir, unit: Unit) -> UnitSites | None:
    """A unit's functions and sites, if a pass has looked at it."""
    path = unit.folder(build) / "sites.json"
    if not path.exists():
        return None
    return UnitSites.from_json(json.loads(path.read_text(encoding="utf-8")))


def record_step(build: BuildDir, kind: str, argv: list[str], **more: Any) -> None:
    """Journal an archive or link step, run in the current folder."""
    step = {"kind": kind, "cwd": os.getcwd(), "argv": argv, **more}
    append_json(build.steps, step)


def report(build: BuildDir, phase: str, file: str, line: int, reason: str) -> None:
    """Note something that our passes left alone."""
    append_json(build.report, {"phase": phase, "file": file, "line": line, "reason": reason})
