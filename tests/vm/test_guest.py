# SPDX-License-Identifier: GPL-2.0-only
"""Guests are booted: status and output come back, and each kind of failure is told apart."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from lp_build.kernels.find import Kernel
from lp_build.kernels.kbuild import build_module
from lp_build.kernels.versions import SERIES
from lp_build.vm.errors import GuestHung, GuestLost, GuestOopsed, GuestPanicked, GuestWarned
from lp_build.vm.guest import GuestCommand, GuestResult, run_guest

pytestmark = pytest.mark.needs_qemu
WARNER = Path(__file__).with_name("warner")


def boot(cache: Path, script: str, cwd: Path, **options: object) -> GuestResult:
    """Run a shell script in a guest, with `cwd` as its working tree."""
    command = GuestCommand(("sh", "-c", script), cwd=cwd, **options)  # type: ignore[arg-type]
    return run_guest(command, cache, os.environ)


@pytest.mark.parametrize("series", SERIES)
def test_a_guest_runs_this_machines_programs_and_writes_to_the_working_tree_only(
    vm_cache: Path, tmp_path: Path, series: str
) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / ".git").mkdir()
    script = f"""
        uname -r; echo complaint >&2
        {sys.executable} -c 'open("inside", "w").write("from the guest")'
        echo gone >{tmp_path}/outside && cat {tmp_path}/outside
        exit 3
    """
    result = boot(vm_cache, script, tree, kernel=series)
    lines = result.stdout.decode().split()
    assert lines[0].startswith(f"{series}.") and lines[1] == "gone"
    assert result.stderr == b"complaint\n"
    assert result.status == 3
    assert (tree / "inside").read_text() == "from the guest"
    assert not (tmp_path / "outside").exists()


def test_a_signal_is_a_status_as_in_a_shell(vm_cache: Path, tmp_path: Path) -> None:
    assert boot(vm_cache, "kill -KILL $$", tmp_path).status == 128 + 9


def test_a_panic_is_told_with_what_came_before(vm_cache: Path, tmp_path: Path) -> None:
    with pytest.raises(GuestPanicked, match="sysrq triggered crash") as caught:
        boot(vm_cache, "echo before; sync; echo c >/proc/sysrq-trigger", tmp_path)
    assert b"before" in caught.value.stdout
    assert caught.value.log is not None
    assert "Call Trace" in caught.value.log.read_text()


@pytest.mark.parametrize(
    ("parameter", "failure"), [("oops=0", GuestWarned), ("oops=1", GuestOopsed)]
)
def test_a_warning_and_an_oops_of_a_module_built_here_are_told_apart(
    vm_cache: Path, kernel: Kernel, tmp_path: Path, parameter: str, failure: type[Exception]
) -> None:
    built = build_module(WARNER, kernel, tmp_path / "warner", ["W=1"])
    assert "warning:" not in built.log
    with pytest.raises(failure):
        boot(vm_cache, f"insmod {built.module('warner')} {parameter}", tmp_path)


def test_no_result_in_time_is_a_hang_with_the_console(vm_cache: Path, tmp_path: Path) -> None:
    with pytest.raises(GuestHung) as caught:
        boot(vm_cache, "exec sleep 1000", tmp_path, timeout=8)
    assert "Linux version" in caught.value.console


def test_a_guest_that_ends_by_itself_is_lost(vm_cache: Path, tmp_path: Path) -> None:
    with pytest.raises(GuestLost):
        boot(vm_cache, "echo b >/proc/sysrq-trigger; exec sleep 1000", tmp_path)
