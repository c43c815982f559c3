# SPDX-License-Identifier: GPL-2.0-only
"""What kind of machine a compiler compiles for: ours is x86-64 Linux, and nothing else."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping

from lp_build.compile.environment import without_shims
from lp_build.errors import LakePlacidError
from lp_build.processes import run_quietly

# GNU's way to name a cross compiler: its target, as `aarch64-linux-gnu-gcc-12`.
_CROSS = re.compile(
    r"^(?P<target>\w+(?:-[\w.]+){1,3})-(?:gcc|cc|clang|g\+\+|c\+\+|clang\+\+)(?:-[\d.]+)?$"
)
_OURS = re.compile(r"^(?:x86_64|amd64)-(?:\w+-)?linux\b")


def foreign_target(name: str) -> str:
    """The target in a compiler's file name, where it is not ours; "" for all others."""
    match = _CROSS.match(os.path.basename(name))
    target = match["target"] if match else ""
    return "" if _OURS.match(target) else target


def foreign_reason(compiler: str) -> str:
    """Why a compiler's units stay plain, "" where they need not: for reports."""
    name = os.path.basename(compiler.split()[-1])
    target = foreign_target(name)
    return f"{name}: it compiles for {target}; only x86-64 Linux can be Elite" if target else ""


def check_target(environ: Mapping[str, str]) -> None:
    """Raise LakePlacidError when the compiler that a whole build is to be made by ($LP_CC, else
    $CC) says that it compiles for another machine. One that can't be asked is the build's matter.
    """
    for variable in ("LP_CC", "CC"):
        words = environ.get(variable, "").split()
        if not words or os.path.basename(words[-1]).startswith("lp-cc"):
            continue
        path = without_shims(environ)
        said = run_quietly([*words, "-dumpmachine"], environment={**environ, "PATH": path})
        target = said.output.strip()
        if said.status == 0 and re.fullmatch(r"[\w.-]+", target) and not _OURS.match(target):
            raise LakePlacidError(
                f"{variable} is `{' '.join(words)}`, which compiles for {target}: LakePlacid makes "
                "programs for x86-64 Linux only",
                remedy="build for this machine, or without lp-wrap",
            )
        return
