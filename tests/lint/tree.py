# SPDX-License-Identifier: GPL-2.0-only
"""The files that belong to the tree."""

from __future__ import annotations

import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
_LEFT_BY_TOOLS = {"__pycache__", "build", "dist"}


def tree_files() -> list[Path]:
    """All files of the tree: what git tracks or would track; in an unpacked archive without git,
    all but hidden folders and what tools leave."""
    if (ROOT / ".git").exists():
        listed = subprocess.run(
            ["git", "-C", str(ROOT), "ls-files", "-z", "-co", "--exclude-standard"],
            capture_output=True,
            text=True,
        )
        # git refuses a checkout that belongs to somebody else
        if listed.returncode == 0:
            paths = [ROOT / name for name in listed.stdout.split("\0") if name]
            return sorted(path for path in paths if path.is_file())
    return sorted(
        path
        for path in ROOT.rglob("*")
        if path.is_file()
        and not any(
            part in _LEFT_BY_TOOLS
            or part.endswith(".egg-info")
            or (part.startswith(".") and part != ".ci")
            for part in path.relative_to(ROOT).parts[:-1]
        )
    )


def text_of(path: Path) -> str | None:
    """The file's text; None for one that is no UTF-8 text."""
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return None
