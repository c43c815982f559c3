# SPDX-License-Identifier: GPL-2.0-only
"""scripts/set-up.sh on machines that lack things; apt, sudo and Python are scripts here."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.lint.tree import ROOT

# The commands of a minimal Debian that the script may use.
BASICS = ("sh", "cat", "cksum", "dirname", "env", "mkdir", "rm", "tail", "touch", "chmod")

APT_GET = """
echo "apt-get $*" >>"$STATE/log"
case "$*" in *install*) for word; do touch "$STATE/installed-$word"; done ;; esac
"""
DPKG_QUERY = """
for package; do :; done
[ -e "$STATE/installed-$package" ] && printf installed
"""
SUDO = """
echo "sudo $*" >>"$STATE/log"
[ "$1" != -n ] && [ "$1" != -v ] || exit 0
exec "$@"
"""
PYTHON = """
case "$*" in
*version_info\\[:2\\]*) echo "$VERSION" ;;
*"version_info < (3, 10)"*) [ "$VERSION" != 3.9 ] ;;
*ensurepip*) [ -e "$STATE/installed-python$VERSION-venv" ] ;;
"-m venv .venv")
	mkdir -p .venv/bin
	printf '#!/bin/sh\\necho "python $*" >>"$STATE/log"\\n' >.venv/bin/python
	chmod +x .venv/bin/python ;;
esac
"""


@dataclass
class Machine:
    """A tree with the script, and a PATH with nothing but what `have` gave it."""

    folder: Path

    def have(self, command: str, script: str) -> None:
        """Put a command on PATH that is this shell script."""
        path = self.folder / "bin" / command
        path.write_text(f"#!/bin/sh\n{script}", encoding="utf-8")
        path.chmod(0o755)

    def install(self, *packages: str) -> None:
        """Let packages be there."""
        for package in packages:
            (self.folder / "state" / f"installed-{package}").touch()

    def set_up(self, kind: str = "demo") -> subprocess.CompletedProcess[str]:
        """Run the script."""
        return subprocess.run(
            [self.folder / "tree/scripts/set-up.sh", kind],
            env={
                "PATH": str(self.folder / "bin"),
                "STATE": str(self.folder / "state"),
                "VERSION": os.environ.get("STUB_PYTHON_VERSION", "3.11"),
            },
            capture_output=True,
            text=True,
        )

    def take_log(self) -> str:
        """What was run of apt-get, sudo and the environment's Python, since last taken."""
        path = self.folder / "state" / "log"
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        path.unlink(missing_ok=True)
        return text


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """A fresh Debian, seen by root, with Python but nothing to build with."""
    for folder in ("bin", "state", "tree/scripts", "tree/tests"):
        (tmp_path / folder).mkdir(parents=True)
    for name in ("setup.cfg", "setup.py", "pyproject.toml", "tests/constraints.txt"):
        shutil.copy(ROOT / name, tmp_path / "tree" / name)
    shutil.copy(ROOT / "scripts/set-up.sh", tmp_path / "tree/scripts")
    for command in BASICS:
        (tmp_path / "bin" / command).symlink_to(shutil.which(command) or "")
    machine = Machine(tmp_path)
    machine.have("apt-get", APT_GET)
    machine.have("dpkg-query", DPKG_QUERY)
    machine.have("python3", PYTHON)
    machine.have("id", "echo 0")
    return machine


def test_missing_packages_are_installed_once(machine: Machine) -> None:
    """And what is there is not asked for; the second run calls neither apt nor pip."""
    machine.install("gcc")
    done = machine.set_up()
    assert done.returncode == 0, done.stderr
    log = machine.take_log()
    assert "install -y --no-install-recommends libc6-dev make qemu-system-x86 gcc-12" in log
    assert "install -y --no-install-recommends python3.11-venv\n" in log
    assert "python -m pip install" in log
    again = machine.set_up()
    assert (again.returncode, again.stdout) == (0, "set-up: ready\n")
    assert "apt-get" not in (log := machine.take_log())
    assert "pip" not in log


def test_tests_need_more_than_the_demo(machine: Machine) -> None:
    """The tools of the tests, and the package's extra."""
    assert machine.set_up().returncode == 0
    machine.take_log()  # what the demo did
    done = machine.set_up("test")
    assert done.returncode == 0, done.stderr
    log = machine.take_log()
    for package in ("clang", "shellcheck", "csmith", "libcsmith-dev", "valgrind", "perl"):
        assert f" {package}" in log
    assert "--editable .[test]" in log


def test_package_is_installed_again_after_a_change(machine: Machine) -> None:
    """Of what decides on what is installed."""
    assert machine.set_up().returncode == 0
    with (machine.folder / "tree/setup.cfg").open("a") as config:
        config.write("# changed\n")
    machine.take_log()  # what came before
    assert machine.set_up().returncode == 0
    assert "python -m pip install" in machine.take_log()


def test_other_user_goes_by_sudo(machine: Machine) -> None:
    """For apt only."""
    machine.have("id", "echo 1000")
    machine.have("sudo", SUDO)
    done = machine.set_up()
    assert done.returncode == 0, done.stderr
    assert "sudo apt-get -q update" in machine.take_log()


def test_without_sudo_the_command_for_root_is_told(machine: Machine) -> None:
    """It can be copied."""
    machine.have("id", "echo 1000")
    done = machine.set_up()
    assert done.returncode == 1
    assert "as root: apt-get install gcc libc6-dev make" in done.stderr


def test_old_python_is_refused(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """With its version and what to do."""
    monkeypatch.setenv("STUB_PYTHON_VERSION", "3.9")
    done = machine.set_up()
    assert done.returncode == 1
    assert "`python3` is Python 3.9; LakePlacid needs 3.10 or later" in done.stderr
    assert "make PYTHON=" in done.stderr


def test_failing_apt_is_shown(machine: Machine) -> None:
    """The end of its output, and where the rest is."""
    machine.have("apt-get", "echo 'E: no such mirror' >&2; exit 100")
    done = machine.set_up()
    assert done.returncode == 1
    assert "E: no such mirror" in done.stderr
    assert ".cache/set-up.log" in done.stderr


def test_other_distribution_is_told_what_is_missing(machine: Machine) -> None:
    """Where there is no apt, nothing is installed."""
    (machine.folder / "bin/apt-get").unlink()
    machine.have("gcc", "")
    done = machine.set_up()
    assert done.returncode == 1
    assert "`make` is missing" in done.stderr
