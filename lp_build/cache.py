# SPDX-License-Identifier: GPL-2.0-only
"""Where what is fetched is kept, and where what is built from it lies unless somebody says."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path


def cache_folder(environ: Mapping[str, str]) -> Path:
    """Of kernels, sources and the runtime's archives, for all projects of a user: `$LP_CACHE`, else
    `~/.cache/lakeplacid`."""
    return _chosen(environ) or Path.home() / ".cache" / "lakeplacid"


def work_folder(environ: Mapping[str, str], start: Path) -> Path:
    """Of demos, recipes and measurements, which each have a folder below it: `$LP_CACHE`, else
    `.cache` in folder `start`, so that two checkouts don't meet."""
    return _chosen(environ) or start.absolute() / ".cache"


def _chosen(environ: Mapping[str, str]) -> Path | None:
    chosen = environ.get("LP_CACHE")
    return Path(chosen).absolute() if chosen else None
