"""Programs that `lp build` put where the application's build had put its own."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from lp_build.layout import BuildDir
from lp_build.wrapper.files import append_json, file_digest, read_json_lines
from lp_build.wrapper.journal import load_steps


def _journal(build: BuildDir) -> Path:
    return build.path / "build" / "installed.jsonl"


def install(build: BuildDir, program: Path, destination: Path) -> bool:
    """Put a program in place, unless it is there already; whether it was put. One that runs keeps
    its file."""
    digest = file_digest(program)
    if destination.is_file() and file_digest(destination) == digest:
        return False
    row = {"path": str(destination), "digest": digest}
    if row not in read_json_lines(_journal(build)):
        append_json(_journal(build), row)
    _replace(program, destination)
    return True


def restore(build: BuildDir) -> list[str]:
    """Put the application's own programs back where `lp build` has put others, so that a build
    which finds them up to date is right; returns their paths. Programs that were made since by
    someone else stay."""
    installed = {(row["path"], row["digest"]) for row in read_json_lines(_journal(build))}
    if not installed:
        return []
    latest = {step.output: step for step in load_steps(build) if step.kind == "link"}
    restored = []
    for output, step in latest.items():
        kept = build.path / "steps" / step.id / "program"
        destination = Path(output)
        if not destination.is_file() or (output, file_digest(destination)) not in installed:
            continue
        if kept.is_file() and file_digest(kept) == step.digest:
            _replace(kept, destination)
            restored.append(output)
    return restored


def _replace(program: Path, destination: Path) -> None:
    destination.parent.mkdir(parents=True, exist_ok=True)
    fresh = destination.with_name(f".{destination.name}.lp")
    shutil.copyfile(program, fresh)
    shutil.copymode(program, fresh)
    os.replace(fresh, destination)
