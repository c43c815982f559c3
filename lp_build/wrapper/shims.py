# SPDX-License-Identifier: GPL-2.0-only
"""A folder of shims for PATH, so that makefiles which name `gcc` or `ar` meet ours."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import sys
from pathlib import Path

from lp_build.compile.environment import without_shims
from lp_build.compile.target import foreign_target
from lp_build.files import digest_of, write_whole
from lp_build.layout import BuildDir
from lp_build.wrapper.unseen import journal

_TRIPLET = "x86_64-linux-gnu-"
_ASSEMBLER = "as"
# C compilers; those of other languages compile what our passes never see, but they link C objects
# that these have seen. Of any version, and by the names that they have where there are others.
_COMPILER = re.compile(
    r"(?:(?:x86_64|amd64)-(?:\w+-)?linux-gnu-)?"
    r"(?:gcc|cc|c99|c89|clang|g\+\+|c\+\+|clang\+\+|gfortran)(?:-\d[\d.]*)?"
)
TOOLS = {
    "ar": ("ar", "gcc-ar", "llvm-ar", "ranlib", "gcc-ranlib", "llvm-ranlib"),
    "ld": ("ld", "ld.bfd", "ld.gold", "ld.lld"),
    "strip": ("strip", "llvm-strip"),
    "objcopy": ("objcopy", "llvm-objcopy"),
}
# They run a compiler that is named behind them.
LAUNCHERS = ("ccache", "distcc", "icecc", "sccache")


def tool_kind(name: str) -> str:
    """Which kind of tool a file name means, as `lp tool` names it; "" for none."""
    plain = re.sub(rf"^{_TRIPLET}|-\d+$", "", name)
    return next((kind for kind, names in TOOLS.items() if plain in names), "")


def shim_folder(build: BuildDir) -> Path:
    """Where the shims of a project lie."""
    return build.path / "shims"


def script_folder() -> Path:
    """Where `lp`, `lp-cc` and `lp-wrap` lie: beside what was called, else on PATH."""
    for candidate in (sys.argv[0], shutil.which("lp-cc") or "", sys.executable):
        for path in (Path(candidate).absolute(), Path(candidate).resolve()):
            if candidate and (path.parent / "lp-cc").is_file():
                return path.parent
    return Path(sys.executable).parent


def make_shims(build: BuildDir) -> Path:
    """Write a shim for each tool that this machine has, by absolute path; returns the folder.
    Raises OSError."""
    folder = shim_folder(build)
    scripts = script_folder()
    path = without_shims({**os.environ, "LP_SHIMS": str(folder)})
    # Those for other machines too: they compile plainly, and the report says so.
    names = sorted(n for n in _programs(path) if _COMPILER.fullmatch(n) or foreign_target(n))
    for name in names:
        real = shutil.which(name, path=path)
        if real is not None:
            _write(folder / name, _compiler(scripts, real))
    for name in LAUNCHERS:
        real = shutil.which(name, path=path)
        if real is not None:
            _write(folder / name, _launcher(scripts, real))
    for kind, tools in TOOLS.items():
        for name in (*tools, *(f"{_TRIPLET}{tool}" for tool in tools)):
            real = shutil.which(name, path=path)
            if real is not None:
                _write(folder / name, _tool(scripts, kind, real))
    for name in (_ASSEMBLER, f"{_TRIPLET}{_ASSEMBLER}"):
        real = shutil.which(name, path=path)
        if real is not None:
            _write(folder / name, _assembler(build, real))
    return folder


def shim_for(build: BuildDir, kind: str, real: str) -> Path:
    """A shim for a tool that a build calls by this path. kind: "compiler", or as `lp tool` names
    it. Raises OSError."""
    name = os.path.basename(real)
    shim = shim_folder(build) / "paths" / digest_of(os.fsencode(real))[:16] / name
    scripts = script_folder()
    _write(shim, _compiler(scripts, real) if kind == "compiler" else _tool(scripts, kind, real))
    return shim


def _programs(path: str) -> set[str]:
    """Names in the folders of PATH."""
    folders = filter(os.path.isdir, path.split(os.pathsep))
    return {name for folder in folders for name in os.listdir(folder)}


def _compiler(scripts: Path, real: str) -> str:
    name = os.path.basename(real)
    # LP_CC is about C compilers for this machine only.
    apart = "++" in name or "gfortran" in name or foreign_target(name)
    other = "unset LP_CC\n" if apart else ""
    lp_cc = shlex.quote(str(scripts / "lp-cc"))
    return f'{other}LP_REAL_CC={shlex.quote(real)}\nexport LP_REAL_CC\nexec {lp_cc} "$@"\n'


def _launcher(scripts: Path, real: str) -> str:
    """`ccache gcc …` in a makefile. The launcher must not stand before us: what it finds in its
    cache we would never see, and what it puts there would be ours."""
    quoted, lp_cc = shlex.quote(real), shlex.quote(str(scripts / "lp-cc"))
    return f"""case ${{1-}} in
*[[:space:]*?]* | -*) exec {quoted} "$@" ;;
lp-cc | */lp-cc)
	LP_LAUNCHER={quoted}
	export LP_LAUNCHER
	shift
	exec {lp_cc} "$@"
	;;
*++ | *++-[0-9]*) unset LP_CC ;;
*cc | *cc-[0-9]* | *clang | *clang-[0-9]*) ;;
*) exec {quoted} "$@" ;;
esac
LP_REAL_CC={shlex.quote(real + " ")}$1
export LP_REAL_CC
shift
exec {lp_cc} "$@"
"""


def _tool(scripts: Path, kind: str, real: str) -> str:
    # A linker that the compiler calls is part of a step that we know already.
    inner = f'[ -z "$COLLECT_GCC" ] || exec {shlex.quote(real)} "$@"\n'
    body = inner if kind == "ld" else ""
    command = f'tool {kind} {shlex.quote(real)} "$@"'
    client = f'[ ! -x "$LP_CLIENT" ] || exec "$LP_CLIENT" {command}\n'
    return f"{body}{client}exec {shlex.quote(str(scripts / 'lp'))} {command}\n"


def _assembler(build: BuildDir, real: str) -> str:
    """gcc looks for its assembler on PATH. lp-cc takes us out of that: what comes here is a
    compiler that we did not see."""
    seen = shlex.quote(str(journal(build)))
    note = f"""[ -z "$COLLECT_GCC" ] || printf '%s\\n' "$COLLECT_GCC" >>{seen}\n"""
    return f'{note}exec {shlex.quote(real)} "$@"\n'


def _write(path: Path, body: str) -> None:
    text = f"#!/bin/sh\n# Written by lp-wrap.\n{body}".encode()
    if not path.exists() or path.read_bytes() != text:
        write_whole(path, text, 0o755)
