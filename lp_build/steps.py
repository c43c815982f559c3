# SPDX-License-Identifier: GPL-2.0-only
"""Run LakePlacid's own commands, and others, as a user would: by their names."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lp_build.errors import LakePlacidError

TAIL = 20  # lines of a failed command's output that go into the message


def tool(name: str) -> str:
    """The path of `lp`, `lp-cc`, `lp-wrap` or the like: beside this Python, else on PATH."""
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


@dataclass(frozen=True)
class TimedRun:
    """A command that had a limit. output: standard output and error as they came; status: its exit
    status, or minus the signal's number; seconds: wall-clock time; note: that it took too long."""

    output: str
    status: int
    seconds: float
    note: str = ""


def run_timed(
    command: Sequence[str], cwd: Path, environment: Mapping[str, str], timeout: float
) -> TimedRun:
    """Run a command in a session of its own; after `timeout` seconds whatever it has left running
    there is killed."""
    start = time.monotonic()
    with subprocess.Popen(
        command,
        cwd=cwd,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    ) as process:
        try:
            output, _ = process.communicate(timeout=timeout)
            note = ""
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            output, _ = process.communicate()
            note = f"no end within {timeout:g} s"
    return TimedRun(output, process.returncode, time.monotonic() - start, note)
