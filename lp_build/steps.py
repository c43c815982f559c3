"""Run LakePlacid's own commands, and others, as a user would: by their names."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from lp_build.errors import LakePlacidError

TAIL = 20  # lines of a failed command's output that go into the message


def tool(name: str) -> str:
    """The path of `lp`, `lp-cc` or `lp-wrap`: beside this Python, else on PATH."""
    beside = str(Path(sys.executable).parent)
    found = shutil.which(name, path=os.pathsep.join([beside, os.environ.get("PATH", "")]))
    if found is None:
        raise LakePlacidError(
            f"`{name}` is not installed", remedy="install LakePlacid with `pip install .`"
        )
    return found


def run_step(
    command: Sequence[str | Path], cwd: Path, environment: Mapping[str, str] | None = None
) -> str:
    """Run a command in folder `cwd` with this environment (None: ours), and return what it
    printed, standard output and error as they came. Raises LakePlacidError with the end of its
    output when it fails."""
    words = [str(word) for word in command]
    try:
        process = subprocess.run(
            words,
            cwd=cwd,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
        )
    except OSError as error:
        raise LakePlacidError(
            f"cannot run `{words[0]}`: {error.strerror}", file=str(cwd), remedy="install it"
        ) from error
    if process.returncode != 0:
        tail = "\n  ".join(process.stdout.splitlines()[-TAIL:])
        raise LakePlacidError(
            f"`{' '.join(words)}` ended with status {process.returncode}:\n  {tail}",
            file=str(cwd),
            remedy="run it there by hand to see all of its output",
        )
    return process.stdout
