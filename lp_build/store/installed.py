# SPDX-License-Identifier: GPL-2.0-only
"""Programs that `lp build` put where the application's build had put its own."""

from __future__ import annotations

import os
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path

from lp_build.files import append_json, digest_of, file_digest, read_json_lines
from lp_build.layout import BuildDir
from lp_build.store.journal import Step


@dataclass(frozen=True)
class Installed:
    """A program that was put at `path` with this digest. instead: the digest of what is kept of
    what was there before, or of what the link had left there; "" where there is nothing. step: the
    digest of what the step left that it was made again of. aside: it was put where the build has
    none."""

    path: str
    digest: str
    instead: str
    step: str
    aside: bool = False


def _journal(build: BuildDir) -> Path:
    return build.path / "build" / "installed.jsonl"


def load_installed(build: BuildDir) -> dict[tuple[str, str], Installed]:
    """What was put anywhere, by path and digest; the last of each."""
    rows = [
        Installed(
            *(row["path"], row["digest"], row.get("instead", ""), row.get("step", "")),
            row.get("aside", False),
        )
        for row in read_json_lines(_journal(build))
    ]
    return {(row.path, row.digest): row for row in rows}


def install(
    build: BuildDir, program: Path, destination: Path, step: Step | None, *, aside: bool
) -> bool:
    """Put a program (or an archive: no step) in place, unless it is there already; whether it was
    put. One that runs keeps its file. step: what it was made again of. aside: see `Installed`."""
    digest = file_digest(program)
    before = file_digest(destination) if destination.is_file() else ""
    if before == digest:
        return False
    ours = load_installed(build).get((str(destination), before))
    instead = ours.instead if ours else _keep(build, destination, step)
    row = Installed(str(destination), digest, instead, step.digest if step else "", aside)
    append_json(_journal(build), asdict(row))
    _replace(program, destination)
    return True


def _kept(build: BuildDir, destination: Path) -> Path:
    return build.path / "build" / "replaced" / digest_of(os.fsencode(destination))[:24]


def _keep(build: BuildDir, destination: Path, step: Step | None) -> str:
    """Keep what is about to be replaced, else what the link left; its digest."""
    linked = build.path / "steps" / step.id / "program" if step else None
    for source in (destination, linked):
        if source is not None and source.is_file():
            kept = _kept(build, destination)
            kept.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, kept)
            return file_digest(kept)
    return ""


def restore(build: BuildDir) -> list[str]:
    """Put the application's own programs back where `lp build` has put others, so that a build
    which finds them up to date is right; returns their paths. Programs that were made since by
    someone else stay."""
    restored = []
    installed = load_installed(build)
    for path in dict.fromkeys(row.path for row in installed.values()):
        destination = Path(path)
        row = installed.get((path, file_digest(destination))) if destination.is_file() else None
        kept = _kept(build, destination)
        if row is not None and kept.is_file() and file_digest(kept) == row.instead:
            _replace(kept, destination)
            restored.append(path)
    return restored


def _replace(program: Path, destination: Path) -> None:
    destination.parent.mkdir(parents=True, exist_ok=True)
    fresh = destination.with_name(f".{destination.name}.lp")
    shutil.copyfile(program, fresh)
    shutil.copymode(program, fresh)
    os.replace(fresh, destination)
