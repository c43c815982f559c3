# SPDX-License-Identifier: GPL-2.0-only
"""zlib and Lua, really: fetched, built, specialised, and each case of theirs run in all variants.
With a deopt forced at each single site too, that is `make programs`."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import programs
import pytest
from rich.console import Console

from lp_build.cache import cache_folder
from lp_build.kernels.versions import DEFAULT

pytestmark = pytest.mark.needs_network


def run_all(program: programs.Program, folder: Path) -> programs.Runs:
    """All variants, but for a single site at a time."""
    cache = cache_folder(os.environ)
    return programs.run_program(program, folder, cache, Console(quiet=True), each_site=False)


def check(runs: programs.Runs) -> None:
    """All did as the plain build, and Elite was at work where it was to be."""
    assert {name: found.different for name, found in runs.variants.items()} == dict.fromkeys(
        runs.variants, ()
    )
    for request in runs.program.requests:
        assert runs.variants[f"{request}: forced all"].requests > 0
        assert runs.variants[f"{request}: forced all"].finished == 0


def test_zlib_packs_and_its_own_tests_pass_in_all_variants(tmp_path: Path) -> None:
    request = {"deflate": programs.ZLIB.requests["deflate"]}
    runs = run_all(replace(programs.ZLIB, requests=request), tmp_path)
    check(runs)
    assert list(programs.failed_plain(runs)) == []
    assert runs.variants["deflate: specialised"].finished > 100


@pytest.mark.slow
def test_zlib_unpacks_in_all_variants(tmp_path: Path) -> None:
    request = {"inflate": programs.ZLIB.requests["inflate"]}
    check(run_all(replace(programs.ZLIB, requests=request), tmp_path))


@pytest.mark.slow
@pytest.mark.needs_qemu
def test_zlib_packs_with_elite_in_the_kernel_in_all_variants(tmp_path: Path) -> None:
    request = {"deflate": programs.ZLIB.requests["deflate"]}
    zlib = replace(programs.ZLIB, requests=request)
    variants = programs.run_in_kernel(
        zlib, tmp_path, cache_folder(os.environ), Console(quiet=True), DEFAULT
    )
    assert {name: found.different for name, found in variants.items()} == dict.fromkeys(
        variants, ()
    )
    assert variants["deflate: kernel"].finished > 100
    assert variants["deflate: kernel, forced all"].finished == 0


@pytest.mark.slow
def test_lua_runs_scripts_in_all_variants(tmp_path: Path) -> None:
    runs = run_all(programs.LUA, tmp_path)
    check(runs)
    assert runs.variants["parse: specialised"].finished > 10
