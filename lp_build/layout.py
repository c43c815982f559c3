# SPDX-License-Identifier: GPL-2.0-only
"""Where things lie below `.lp/`, the folder beside the build that keeps what a build left."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class BuildDir:
    """`.lp/` of one project; `root` is the project's top, where `.lp/` and `lp.toml` lie."""

    root: Path

    @property
    def path(self) -> Path:
        """The `.lp/` folder itself."""
        return self.root / ".lp"

    @property
    def config(self) -> Path:
        """`lp.toml`, unless LP_CONFIG names another."""
        override = os.environ.get("LP_CONFIG")
        return Path(override) if override else self.root / "lp.toml"

    @property
    def manifest(self) -> Path:
        """The manifest, which people may edit and commit."""
        return self.root / "lp-manifest.toml"

    @property
    def units(self) -> Path:
        """One folder a captured translation unit."""
        return self.path / "units"

    @property
    def traces(self) -> Path:
        """Where a scouted program writes its traces, unless LP_TRACE_DIR names another folder."""
        return self.path / "traces"

    @property
    def steps(self) -> Path:
        """The journal of compile, archive and link steps, one JSON object a line."""
        return self.path / "steps.jsonl"

    @property
    def runtime(self) -> Path:
        """Rendered templates and the runtime archives made from them."""
        return self.path / "runtime"

    @property
    def report(self) -> Path:
        """What our passes left alone, one JSON object a line."""
        return self.path / "report.jsonl"

    def relative(self, file: str, cwd: str) -> str:
        """The name of source `file` (as a line marker in a compile in `cwd` gives it) for sites:
        relative to the root where it lies below it, else absolute."""
        full = os.path.normpath(os.path.join(cwd, file))
        root = str(self.root)
        return full[len(root) + 1 :] if full.startswith(root + os.sep) else full


def find_build_dir(start: Path, environ: Mapping[str, str]) -> BuildDir:
    """The project's BuildDir: `LP_DIR` (the `.lp` folder) if set, else the nearest folder upwards
    from `start` that has `.lp/` or `lp.toml`, else `start`."""
    if environ.get("LP_DIR"):
        return BuildDir(Path(environ["LP_DIR"]).absolute().parent)
    start = start.absolute()
    for folder in (start, *start.parents):
        if (folder / ".lp").is_dir() or (folder / "lp.toml").is_file():
            return BuildDir(folder)
    return BuildDir(start)
