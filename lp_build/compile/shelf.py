# SPDX-License-Identifier: GPL-2.0-only
"""What is the same for all of a user's projects: the runtime's archives, and lp-wrap's client."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from lp_build.cache import cache_folder
from lp_build.compile.environment import without_shims
from lp_build.files import write_whole

# Files that are kept: a project has five or so, and a new version of LakePlacid makes new ones.
_KEPT = 100


@dataclass(frozen=True)
class Shelf:
    """A folder of files by the digest of all that goes in. folder: None where there is none to
    write in (a build machine's user may have no home): then nothing is kept, nor taken."""

    folder: Path | None

    @classmethod
    def of_user(cls, environ: Mapping[str, str]) -> Shelf:
        """`runtime` in the user's cache folder."""
        try:
            folder = cache_folder(environ) / "runtime"
            folder.mkdir(parents=True, exist_ok=True)
        except (OSError, RuntimeError):
            return cls(None)
        return cls(folder if os.access(folder, os.W_OK) else None)

    def take(self, digest: str, target: Path) -> bool:
        """Copy a file to `target`; whether there was one."""
        if self.folder is None:
            return False
        kept = self.folder / digest
        try:
            data, mode = kept.read_bytes(), stat.S_IMODE(kept.stat().st_mode)
        except FileNotFoundError:
            return False
        write_whole(target, data, mode)
        return True

    def keep(self, digest: str, path: Path) -> None:
        """Keep a file, and no longer those that were made longest ago."""
        if self.folder is None:
            return
        write_whole(self.folder / digest, path.read_bytes(), stat.S_IMODE(path.stat().st_mode))
        # Those whose names begin with a dot are still being written.
        kept = sorted(self.folder.glob("[!.]*"), key=_made)
        for path in kept[:-_KEPT]:
            path.unlink(missing_ok=True)


def identity_of(compiler: str) -> list[str | int]:
    """What changes when a compiler is replaced by another version. compiler: its command."""
    path = shutil.which(compiler.split()[-1], path=without_shims(os.environ))
    if path is None:
        return [compiler]
    status = os.stat(path)
    return [compiler, status.st_size, status.st_mtime_ns]


def _made(path: Path) -> int:
    """When a file was made; another build may have removed it just now."""
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:
        return 0
