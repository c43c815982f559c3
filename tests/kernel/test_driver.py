# SPDX-License-Identifier: GPL-2.0-only
"""The driver in guests: what driver/*.c tries from user space, on each kernel.

One guest a configuration runs all of them; each is a test here, with what it said.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from lp_build.cache import cache_folder
from lp_build.kernels.find import find_kernel
from lp_build.kernels.kbuild import BuiltModule, build_module
from lp_build.kernels.versions import SERIES, version_of
from lp_build.resources import resource_dir
from lp_build.vm.errors import GuestFailure
from lp_build.vm.guest import GuestCommand, run_guest
from tests.lint.circles import circles

pytestmark = pytest.mark.needs_qemu

HERE = Path(__file__).parent
SOURCES = sorted((HERE / "driver").glob("*.c"))
TESTS = tuple(name for file in SOURCES for name in re.findall(r"TEST\((\w+)\),", file.read_text()))
# What takes minutes each, and how much of it: calls, seconds, cycles (three times).
CAMPAIGN = {
    "random_calls_get_errors_and_nothing_else": 1_000_000,
    "a_storm_of_changes_under_e": 120,
    "a_storm_of_changes_under_runs": 240,
    "memory_that_is_swapped_or_moved_is_none_the_worse": 120,
    "many_cycles": 5000,
}
# Where memory is swapped to.
MODULES = ("brd",)
# Of hundreds or thousands of cycles. A slab that is some processor's own counts as full: 32 objects
# or so.
SLACK = 100


@dataclass(frozen=True)
class Trial:
    """What one guest told. failure: why it did not live to the end."""

    tests: dict[str, dict[str, object]]
    rest: list[dict[str, object]]
    failure: str


@pytest.fixture(scope="session")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the modules and the program are built."""
    return tmp_path_factory.mktemp("driver")


@cache
def modules(workshop: Path, series: str) -> BuiltModule:
    """The driver and its test application for a kernel."""
    kernel = find_kernel(series, cache_folder(os.environ))
    return build_module(resource_dir("kernel"), kernel, workshop / series, ["W=1"])


@cache
def program(workshop: Path) -> Path:
    """The program that tries the driver."""
    made = workshop / "driver"
    kernel = resource_dir("kernel")
    subprocess.run(
        [
            # Static: a guest without KVM takes a third of a second to load a library, a test.
            *("gcc", "-O1", "-g", "-static", "-no-pie", "-pthread"),
            *("-Wall", "-Wextra", "-Werror"),
            *(f"-I{kernel}/uapi", f"-I{kernel}/selftest", f"-I{resource_dir('c_runtime')}"),
            *map(str, SOURCES),
            *("-o", str(made)),
        ],
        check=True,
    )
    return made


@cache
def trial(
    workshop: Path, series: str, append: str, tests: tuple[str, ...] = TESTS, timeout: float = 600
) -> Trial:
    """Boot a guest and run tests in it, everything if none are named."""
    built = modules(workshop, series)
    command = GuestCommand(
        argv=[
            *(sys.executable, str(HERE / "in_guest.py"), str(program(workshop))),
            *(str(built.module(name)) for name in ("lakeplacid", "lp_selftest")),
            *("--", *tests),
        ],
        kernel=series,
        append=append,
        timeout=timeout,
        modules=MODULES,
        cwd=workshop,
    )
    failure = ""
    try:
        result = run_guest(command, cache_folder(os.environ), os.environ)
        output = result.stdout
        if result.status:
            failure = result.stderr.decode(errors="replace")
    except GuestFailure as error:
        output = error.stdout
        failure = f"{error}\n{error.tail()}"
    told = [json.loads(line) for line in output.splitlines()]
    tests = {outcome["test"]: outcome for outcome in told if "test" in outcome}
    return Trial(tests, [outcome for outcome in told if "test" not in outcome], failure)


def check(trial: Trial, test: str) -> None:
    """The test was run, and held."""
    assert test in trial.tests, trial.failure
    outcome = trial.tests[test]
    assert outcome["status"] == 0, outcome["said"]


def check_nothing_left(trial: Trial) -> None:
    """The guest lived to the end, the modules were unloaded, and nothing grew."""
    assert not trial.failure, trial.failure
    counts, unloaded = trial.rest
    assert unloaded == {"unloaded": True}
    assert counts["again"] == [0, 0]
    before, after = counts["before"], counts["after"]
    assert isinstance(before, dict) and isinstance(after, dict)
    assert len(before) > 5
    grown = {name: (before[name], after[name]) for name in before}
    assert after["processes"] == before["processes"]
    assert not {name: g for name, g in grown.items() if g[1] - g[0] > SLACK}


@pytest.mark.parametrize("series", SERIES)
def test_the_driver_builds_without_a_warning(workshop: Path, series: str) -> None:
    assert not re.search(r"warning:|WARNING:", modules(workshop, series).log)


def test_files_of_the_driver_need_each_other_one_way(workshop: Path) -> None:
    folder = modules(workshop, SERIES[0]).folder
    sources = [path for path in folder.glob("*.c") if not path.name.endswith(".mod.c")]
    assert sources
    assert circles(path.with_suffix(".o") for path in sources) == []


@pytest.mark.parametrize("test", TESTS)
@pytest.mark.parametrize("series", SERIES)
def test_driver(workshop: Path, series: str, test: str) -> None:
    check(trial(workshop, series, version_of(series).boots.driver), test)


@pytest.mark.parametrize("series", SERIES)
def test_nothing_is_left_behind(workshop: Path, series: str) -> None:
    check_nothing_left(trial(workshop, series, version_of(series).boots.driver))


@pytest.mark.slow
@pytest.mark.parametrize("series", SERIES)
def test_all_of_it_holds_in_other_configurations(workshop: Path, series: str) -> None:
    tried = trial(workshop, series, version_of(series).boots.long)
    for test in TESTS:
        check(tried, test)
    check_nothing_left(tried)


@pytest.mark.campaign
@pytest.mark.parametrize("series", SERIES)
def test_a_long_run_of_what_lasts_holds(workshop: Path, series: str) -> None:
    """A million calls, minutes of storm, ten thousand cycles with nothing left behind."""
    tests = tuple(f"{name}={amount}" for name, amount in CAMPAIGN.items())
    tried = trial(workshop, series, version_of(series).boots.long, tests, timeout=7200)
    for test in CAMPAIGN:
        check(tried, test)
        print(series, test, tried.tests[test])
    check_nothing_left(tried)
    print(series, tried.rest)
