# SPDX-License-Identifier: GPL-2.0-only
"""memcached, really: fetched, built, scouted, specialised, and run. The whole of it, with all its
own tests and forced deopts, is `make memcached`."""

from __future__ import annotations

import json
import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import load
import memcached_build as build
import pytest
import suite
from recipe import Memcached

from lp_build.cache import cache_folder
from lp_build.kernel_module.build import build_modules, find_headers
from lp_build.kernels.versions import DEFAULT
from lp_build.trials.recipe import SHARE
from lp_build.trials.tree import environment
from lp_build.vm.guest import GuestCommand, run_guest
from tests.forecast.support import TOLERANCE, Foretold, foretold

ROOT = Path(__file__).parent.parent.parent
PROGRAM = build.SUITE_PROGRAM
MEMCACHED = Memcached()
# Quick ones, of the text and the binary protocol.
FILES = ["t/getset.t", "t/incrdecr.t", "t/cas.t", "t/flags.t", "t/stats.t", "t/binary-get.t"]

pytestmark = pytest.mark.needs_network


@dataclass(frozen=True)
class Built:
    """Folders with the scouting server, the specialised one, and its stress build; and what is
    foretold of it."""

    scouted: Path
    specialised: Path
    stress: Path
    foretold: dict[str, Foretold]


def bench(folder: Path, tree: build.MemcachedTree, name: str, programs: Path) -> Path:
    """A folder for the suite, with the server of this folder of programs."""
    timedrun = tree.memcached / "timedrun"
    return suite.bench_folder(folder / name, tree.memcached, programs / PROGRAM, timedrun)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """One tree, built as the recipe does it."""
    folder = tmp_path_factory.mktemp("memcached")
    tree = build.prepare(folder / "tree", cache_folder(os.environ))
    build.wrapped_builder("scout").build(tree, build.SUITE_TARGETS, build.SUITE_OPTIONS)
    MEMCACHED.scout(tree)
    tree.manifest()
    specialised = tree.specialize().parent
    told = foretold(tree.root, "--output", str(specialised.parent))
    return Built(
        bench(folder, tree, "scouted", tree.memcached),
        bench(folder, tree, "specialised", specialised),
        bench(folder, tree, "stress", tree.specialize(stress=True).parent),
        told,
    )


def test_gets_finish_in_elite(built: Built) -> None:
    measured = MEMCACHED.measure_gets(built.specialised / PROGRAM, 20000)
    assert measured.sent == 20000
    assert measured.begun >= 19990  # answers that come while memcached reads on are in one event
    assert measured.finished_share >= SHARE, measured.deopts


def test_the_scouted_load_finishes_as_foretold(built: Built) -> None:
    measured = MEMCACHED.measure_scouted(built.specialised / PROGRAM, 10000)
    share = measured.finished / measured.begun
    assert share == pytest.approx(built.foretold["inprocess"].finished, abs=TOLERANCE)


def test_mixed_load_is_answered_rightly_and_leaves_elite(built: Built) -> None:
    measured = MEMCACHED.measure_mix(built.specialised / PROGRAM, load.Mix(), 10000)
    assert measured.begun > measured.finished > 0
    assert measured.deopts


def test_all_deopts_forced_change_no_answer(built: Built) -> None:
    measured = MEMCACHED.measure_mix(built.stress / PROGRAM, load.Mix(), 3000, LP_FORCE_DEOPT="all")
    assert measured.finished == 0


def test_random_deopts_change_no_answer(built: Built) -> None:
    measured = MEMCACHED.measure_mix(
        built.stress / PROGRAM, load.Mix(), 5000, LP_FORCE_DEOPT="random:1:0.01"
    )
    assert measured.begun > measured.finished


@pytest.mark.parametrize("variant", ["scouted", "specialised", "stress"])
def test_memcacheds_own_tests_pass(built: Built, variant: str, tmp_path: Path) -> None:
    folder: Path = getattr(built, variant)
    settings = {
        "scouted": {"LP_TRACE_DIR": str(tmp_path)},
        "specialised": {"LP_ELITE": "inprocess"},
        "stress": {"LP_ELITE": "inprocess", "LP_FORCE_DEOPT": "all"},
    }[variant]
    results = suite.run_suite(folder, FILES, environment(**settings), jobs=6)
    assert {str(name): result.status for name, result in results.items()} == dict.fromkeys(
        FILES, "ok"
    )


@pytest.fixture(scope="module")
def in_the_kernel(built: Built, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """memcached with its Elite code in the kernel, under loads and some of its tests."""
    headers = find_headers(DEFAULT, cache_folder(os.environ))
    folder = tmp_path_factory.mktemp("modules")
    ordinary = build_modules(built.specialised / PROGRAM, headers, folder)
    module = shutil.copy(ordinary.application, tmp_path_factory.mktemp("ordinary"))
    # In the same folder, where the driver is: of the same name, it takes the other's place.
    stress = build_modules(built.stress / PROGRAM, headers, folder)
    plan = {
        "driver": str(ordinary.driver),
        "module": str(module),
        "program": str(built.specialised / PROGRAM),
        "stress_module": str(stress.application),
        "stress": str(built.stress / PROGRAM),
        "files": ["t/getset.t", "t/incrdecr.t", "t/flags.t"],
    }
    command = GuestCommand(
        argv=[sys.executable, "-m", "tests.memcached.in_guest", json.dumps(plan)],
        timeout=600,
        cwd=built.specialised,
        writable=(built.specialised.parent,),
    )
    settings = {**os.environ, "PYTHONPATH": str(ROOT)}
    result = run_guest(command, cache_folder(os.environ), settings)
    assert result.status == 0, result.stderr.decode(errors="replace")
    told: dict[str, Any] = json.loads(result.stdout)
    return told


@pytest.mark.needs_qemu
def test_gets_finish_in_the_kernel(in_the_kernel: dict[str, Any]) -> None:
    """By the driver's own counters. Several may be in one event: its requests are these. Each
    second memcached's clock leaves Elite, however many GETs the machine makes in it."""
    gets = in_the_kernel["gets"]
    assert gets["requests"] > 0.5 * gets["sent"] == 750
    assert gets["deopts"] <= 0.01 * gets["sent"] + 2 * gets["seconds"]
    assert gets["system_calls"] >= 2 * gets["sent"]


@pytest.mark.needs_qemu
def test_the_scouted_load_finishes_in_the_kernel_as_foretold(
    built: Built, in_the_kernel: dict[str, Any]
) -> None:
    scouted = in_the_kernel["scouted"]
    share = scouted["finished"] / scouted["begun"]
    assert share == pytest.approx(built.foretold["kernel"].of_begun, abs=TOLERANCE)


@pytest.mark.needs_qemu
def test_mixed_load_leaves_the_kernel_and_comes_back(in_the_kernel: dict[str, Any]) -> None:
    mixed = in_the_kernel["mixed"]
    assert mixed["begun"] > mixed["finished"] > 0
    (application,) = in_the_kernel["status"]["applications"]
    assert application["runs"] > application["exits"]
    assert application["deopts"] > 0


@pytest.mark.needs_qemu
def test_forced_deopts_change_no_answer_in_the_kernel(in_the_kernel: dict[str, Any]) -> None:
    assert in_the_kernel["forced"]["deopts"]


@pytest.mark.needs_qemu
def test_memcacheds_own_tests_pass_in_the_kernel(in_the_kernel: dict[str, Any]) -> None:
    assert set(in_the_kernel["suite"].values()) == {"ok"}, in_the_kernel["suite"]
