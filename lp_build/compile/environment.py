# SPDX-License-Identifier: GPL-2.0-only
"""What `lp-wrap` and the shims tell `lp-cc` by environment variables."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from lp_build.config import Config, load_config
from lp_build.errors import LakePlacidError
from lp_build.layout import BuildDir, find_build_dir

PHASES = ("survey", "scout", "specialize", "capture")
# What a treated object may be, as provenance tells it.
SURVEY, SCOUT, ELITE, STRESS = "survey", "scout", "elite", "stress"


@dataclass(frozen=True)
class Session:
    """One wrapped build: its phase, its `.lp/`, the real compiler (it may be several words, as
    `ccache gcc`), and what runs it where it compiles (LP_LAUNCHER)."""

    phase: str
    build: BuildDir
    compiler: str
    stress: bool
    launcher: str = ""

    @cached_property
    def config(self) -> Config:
        """`lp.toml`. Raises LakePlacidError as `load_config` does."""
        return load_config(self.build.config)

    @property
    def compiler_words(self) -> list[str]:
        """The real compiler as the beginning of a command."""
        return self.compiler.split()

    @property
    def compile_words(self) -> list[str]:
        """The beginning of a command that compiles: by way of the launcher, where there is one."""
        return launched(self.launcher, self.compiler)

    @property
    def treatment(self) -> str:
        """What this phase makes of an object: "survey", "scout", "elite", "stress", or "" for
        capture."""
        if self.phase == "specialize":
            return STRESS if self.stress else ELITE
        return self.phase if self.phase in (SURVEY, SCOUT) else ""


def real_compiler(environ: Mapping[str, str]) -> str:
    """$LP_CC, else what the shim was called for, else cc."""
    return environ.get("LP_CC") or environ.get("LP_REAL_CC") or "cc"


def launched(launcher: str, compiler: str) -> list[str]:
    """A compiler behind a launcher, unless it stands behind one already. One that PATH leads to is
    called by its name: distcc's servers take no paths."""
    words = compiler.split()
    if not launcher or len(words) > 1:
        return words
    name = os.path.basename(compiler)
    if shutil.which(name, path=without_shims(os.environ)) == compiler:
        words = [name]
    return [*launcher.split(), *words]


def check_launcher(environ: Mapping[str, str]) -> None:
    """Raise LakePlacidError when LP_LAUNCHER names what is not there."""
    launcher = environ.get("LP_LAUNCHER", "").split()
    if launcher and shutil.which(launcher[0], path=without_shims(environ)) is None:
        raise LakePlacidError(
            f"LP_LAUNCHER names `{launcher[0]}`, which was not found",
            remedy=f"install it (`apt-get install {launcher[0]}`), or unset LP_LAUNCHER",
        )


def without_shims(environ: Mapping[str, str]) -> str:
    """PATH less our shims (lp-cc has taken them out already; other tools have not)."""
    shims = environ.get("LP_SHIMS", "")
    folders = environ.get("PATH", os.defpath).split(os.pathsep)
    return os.pathsep.join(folder for folder in folders if not shims or folder != shims)


def current_session(compiler: str | None = None) -> Session:
    """The session that the environment describes; compiler: other than `real_compiler` says.
    Raises LakePlacidError for an unknown phase."""
    phase = os.environ.get("LP_PHASE", "")
    if phase not in PHASES:
        raise LakePlacidError(
            f"unknown phase `{phase}` in LP_PHASE", remedy=f"one of: {', '.join(PHASES)}"
        )
    return Session(
        phase,
        find_build_dir(Path.cwd(), os.environ),
        compiler or real_compiler(os.environ),
        os.environ.get("LP_STRESS") == "1",
        os.environ.get("LP_LAUNCHER", ""),
    )
