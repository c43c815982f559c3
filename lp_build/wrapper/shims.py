"""A folder of shims for PATH, so that makefiles which name `gcc` or `ar` meet ours."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from pathlib import Path

from lp_build.layout import BuildDir
from lp_build.wrapper.files import write_whole

COMPILERS = ("cc", "gcc", "clang", "c99", "c89", "x86_64-linux-gnu-gcc")
ARCHIVERS = ("ar", "gcc-ar", "llvm-ar", "x86_64-linux-gnu-ar", "x86_64-linux-gnu-gcc-ar")


def shim_folder(build: BuildDir) -> Path:
    """Where the shims of a project lie."""
    return build.path / "shims"


def script_folder() -> Path:
    """Where `lp`, `lp-cc` and `lp-wrap` lie: beside what was called, else on PATH."""
    for candidate in (sys.argv[0], shutil.which("lp-cc") or ""):
        folder = Path(candidate).resolve().parent
        if candidate and (folder / "lp-cc").exists():
            return folder
    return Path(sys.executable).parent


def make_shims(build: BuildDir) -> Path:
    """Write a shim for each tool that this machine has, by absolute path; returns the folder."""
    folder = shim_folder(build)
    scripts = script_folder()
    others = [p for p in os.environ.get("PATH", "").split(os.pathsep) if p != str(folder)]
    path = os.pathsep.join(others)
    for name in COMPILERS:
        real = shutil.which(name, path=path)
        if real is not None:
            body = f"LP_REAL_CC={shlex.quote(real)}\nexport LP_REAL_CC\n"
            _write(folder / name, body + f'exec {shlex.quote(str(scripts / "lp-cc"))} "$@"\n')
    for name in ARCHIVERS:
        real = shutil.which(name, path=path)
        if real is not None:
            command = f"{shlex.quote(str(scripts / 'lp'))} ar {shlex.quote(real)}"
            _write(folder / name, f'exec {command} "$@"\n')
    return folder


def _write(path: Path, body: str) -> None:
    text = f"#!/bin/sh\n# Written by lp-wrap.\n{body}".encode()
    if not path.exists() or path.read_bytes() != text:
        write_whole(path, text)
    path.chmod(0o755)
