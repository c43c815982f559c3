# SPDX-License-Identifier: GPL-2.0-only
"""Passes in a process of their own: what ends them ends nothing else."""

from __future__ import annotations

import faulthandler
import os
import signal
from pathlib import Path

import pytest

from lp_build.errors import LakePlacidError
from lp_build.processes import run_beside


def killed(times: int, log: Path) -> str:
    """Be killed so often, as by the kernel for want of memory."""
    with log.open("a") as file:
        file.write("x")
    if log.stat().st_size <= times:
        os.kill(os.getpid(), signal.SIGKILL)
    return "done"


def test_a_pass_that_is_killed_is_tried_once_more(tmp_path: Path) -> None:
    assert run_beside(lambda: killed(1, tmp_path / "log")) == "done"


def test_a_pass_that_is_killed_again_is_left_with_a_reason(tmp_path: Path) -> None:
    with pytest.raises(LakePlacidError, match="our pass was killed, twice") as caught:
        run_beside(lambda: killed(9, tmp_path / "log"))
    assert "fewer jobs" in caught.value.remedy
    assert (tmp_path / "log").read_text() == "xx"


def test_a_pass_that_crashes_is_not_tried_again(tmp_path: Path) -> None:
    log = tmp_path / "log"

    def crash() -> None:
        log.write_text((log.read_text() if log.exists() else "") + "x")
        faulthandler.disable()  # pytest's: its dump looks as if a test had crashed
        os.kill(os.getpid(), signal.SIGSEGV)

    with pytest.raises(LakePlacidError, match="our pass ended by SIGSEGV"):
        run_beside(crash)
    assert log.read_text() == "x"
