"""What `lp-wrap` and the shims tell `lp-cc` by environment variables."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from lp_build.config import Config, load_config
from lp_build.errors import LakePlacidError
from lp_build.layout import BuildDir, find_build_dir

PHASES = ("scout", "specialize", "capture")


@dataclass(frozen=True)
class Session:
    """One wrapped build: its phase, its `.lp/`, and the real compiler."""

    phase: str
    build: BuildDir
    compiler: str
    stress: bool

    def config(self) -> Config:
        """`lp.toml`. Raises LakePlacidError as `load_config` does."""
        return load_config(self.build.config)


def real_compiler(environ: Mapping[str, str]) -> str:
    """$LP_CC, else what the shim was called for, else cc."""
    return environ.get("LP_CC") or environ.get("LP_REAL_CC") or "cc"


def current_session() -> Session:
    """The session that the environment describes. Raises LakePlacidError for an unknown phase."""
    phase = os.environ.get("LP_PHASE", "")
    if phase not in PHASES:
        raise LakePlacidError(
            f"unknown phase `{phase}` in LP_PHASE", remedy=f"one of: {', '.join(PHASES)}"
        )
    return Session(
        phase,
        find_build_dir(Path.cwd(), os.environ),
        real_compiler(os.environ),
        os.environ.get("LP_STRESS") == "1",
    )
