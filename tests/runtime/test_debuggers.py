# SPDX-License-Identifier: GPL-2.0-only
"""Debuggers of a program that leaves Elite."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from .conftest import APPS, Builder


def test_a_step_leaves_no_trap_behind(build: Builder, tmp_path: Path) -> None:
    """A deopt saves the flags. While a debugger steps, they have the trap flag, which must not be
    there again when the debugger has gone: the program would end by SIGTRAP."""
    stepper = tmp_path / "stepper"
    flags = ["-O1", "-Wall", "-Wextra", "-Werror"]
    subprocess.run(["gcc", *flags, str(APPS / "stepper.c"), "-o", str(stepper)], check=True)
    program = build(stress=True)
    environment = {**os.environ, "LP_ELITE": "inprocess", "LP_FORCE_DEOPT": "all"}
    done = subprocess.run(
        [stepper, program.path, "frames", "5", "10"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, (done.stdout, done.stderr)
    assert "errors=0" in done.stdout
