# SPDX-License-Identifier: GPL-2.0-only
"""Servers that leave Elite nowhere in one process, whatever they call: forecast against run."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from lp_build.demo.command import clean_environment
from lp_build.demo.server import start
from lp_build.statistics import read_run
from lp_build.steps import run_step, tool
from tests.forecast.support import TOLERANCE, foretold
from tests.kernel import applications_in_guest
from tests.kernel.applications_in_guest import ECHOES, echo

PROGRAMS = Path(applications_in_guest.__file__).parent / "programs"


@pytest.mark.parametrize("name", ECHOES)
def test_the_scouted_load_finishes_as_foretold(name: str, tmp_path: Path) -> None:
    folder = tmp_path / name
    shutil.copytree(PROGRAMS / name, folder)
    environment = clean_environment()
    run_step([tool("lp-wrap"), "make"], folder, environment)
    with start(folder / name, environment) as server:
        echo(server.port, 500)
    run_step([tool("lp"), "manifest"], folder, environment)
    told = foretold(folder)["inprocess"]
    stats = folder / "stats.json"
    settings = {"LP_ELITE": "inprocess", "LP_STATS": str(stats)}
    with start(folder / name, {**environment, **settings}) as server:
        assert echo(server.port, 500) == 500
    found = read_run(stats)
    share = found.finished / found.requests
    assert share == pytest.approx(told.finished, abs=TOLERANCE)
    assert told.finished >= 0.95
