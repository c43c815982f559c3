# SPDX-License-Identifier: GPL-2.0-only
"""Units of C out of a source package, as they preprocess once its configure script has run."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lp_build.trials.upstream import copy_tree, fetch, newest

_CONFIGURE_SECONDS = 300
_PREPROCESS_SECONDS = 60
_MACROS = ("-DHAVE_CONFIG_H", "-D_GNU_SOURCE", "-D_FILE_OFFSET_BITS=64")
# What is no part of a program, or is for other machines.
_ELSEWHERE = frozenset(
    "test tests testsuite example examples doc docs win32 windows vms msdos".split()
)


@dataclass(frozen=True)
class CorpusUnit:
    """One C source of a package, and the flags that it preprocesses with. name: its path within."""

    package: str
    name: str
    path: Path
    flags: tuple[str, ...]


def units_of(package: str, cache: Path, work: Path, most: int) -> list[CorpusUnit]:
    """Up to `most` units of `package` that gcc compiles by themselves, the same ones each time.

    work: where it is configured, kept for the next time. Raises LakePlacidError when it can't be
    fetched.
    """
    folder = work / package
    ready = folder / ".configured"
    if not ready.exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.parent.mkdir(parents=True, exist_ok=True)
        copy_tree(fetch(newest(package, cache), cache), folder)
        _configure(folder)
        ready.touch()
    folders = sorted({path.parent for path in folder.rglob("*.h")})
    flags = (*_MACROS, *(f"-I{path}" for path in folders))
    sources = [path for path in sorted(folder.rglob("*.c")) if not _is_elsewhere(path, folder)]
    random.Random(package).shuffle(sources)
    found: list[CorpusUnit] = []
    for path in sources:
        if len(found) == most:
            break
        unit = CorpusUnit(package, str(path.relative_to(folder)), path, flags)
        if _compiles(unit):
            found.append(unit)
    return found


def _is_elsewhere(path: Path, folder: Path) -> bool:
    return any(part.lower() in _ELSEWHERE for part in path.relative_to(folder).parts)


def _configure(folder: Path) -> None:
    """Run what makes its headers; a package that can't be configured here gives the units that need
    none."""
    environment = {**os.environ, "CC": "gcc"}
    for command in _ways(folder):
        try:
            subprocess.run(
                command,
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                check=False,
                timeout=_CONFIGURE_SECONDS,
            )
        except (subprocess.TimeoutExpired, OSError):
            continue


def _ways(folder: Path) -> Iterator[list[str]]:
    if (folder / "configure").exists():
        yield ["sh", "./configure"]
    elif (folder / "CMakeLists.txt").exists() and shutil.which("cmake"):
        yield ["cmake", "-S", ".", "-B", "lp-corpus-build"]
    elif (folder / "meson.build").exists() and shutil.which("meson"):
        yield ["meson", "setup", "lp-corpus-build"]


def _compiles(unit: CorpusUnit) -> bool:
    command = ["gcc", "-w", "-fsyntax-only", *unit.flags, str(unit.path)]
    try:
        return (
            subprocess.run(
                command,
                cwd=unit.path.parent,
                capture_output=True,
                check=False,
                timeout=_PREPROCESS_SECONDS,
            ).returncode
            == 0
        )
    except subprocess.TimeoutExpired:
        return False


def preprocessed(unit: CorpusUnit, compiler: str, level: str) -> bytes | None:
    """The unit's text; None where this compiler can't make it out."""
    done = subprocess.run(
        [compiler, level, "-w", "-E", *unit.flags, str(unit.path)],
        cwd=unit.path.parent,
        capture_output=True,
        check=False,
        timeout=_PREPROCESS_SECONDS,
    )
    return done.stdout if done.returncode == 0 else None
