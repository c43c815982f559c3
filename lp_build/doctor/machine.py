# SPDX-License-Identifier: GPL-2.0-only
"""The machine as `lp doctor` looks at it: its PATH, its files, its kernel."""

from __future__ import annotations

import importlib.util
import os
import platform
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

_SYSTEM_PATH = "/usr/sbin:/sbin"
_SECONDS = 20.0  # for a compiler to make a program of two lines
_PROGRAM = """\
#include <pthread.h>
#include <stdio.h>
int main(void) { puts(""); return (int)pthread_self() == 1; }
"""


@dataclass(frozen=True)
class Machine:
    """Where to look. path: as the variable PATH; root: what stands for `/`; release: `uname -r`;
    architecture: `uname -m`; administrator: whether we run as root."""

    path: str = field(default_factory=lambda: os.environ.get("PATH", os.defpath))
    root: Path = Path("/")
    release: str = field(default_factory=platform.release)
    architecture: str = field(default_factory=platform.machine)
    administrator: bool = field(default_factory=lambda: os.geteuid() == 0)

    def find(self, program: str) -> str | None:
        """The path of a program, if there is one; administrators' folders are looked at too."""
        return shutil.which(program, path=f"{self.path}:{_SYSTEM_PATH}" if self.real else self.path)

    @property
    def real(self) -> bool:
        """Whether this is the machine that we run on, and not one of a test."""
        return self.root == Path("/")

    def file(self, name: str) -> Path:
        """The file of that absolute name."""
        return self.root / name.lstrip("/")

    def text(self, name: str) -> str:
        """What a file holds; "" for one that can't be read."""
        try:
            return self.file(name).read_text(encoding="utf-8", errors="replace")
        except OSError:
            return ""

    def has_package(self, name: str) -> bool | None:
        """Whether this distribution has a package of that name; None where apt can't tell: it is
        not here, or has no lists yet."""
        tool = self.find("apt-cache")
        lists = self.file("/var/lib/apt/lists")
        if tool is None or not any(lists.glob("*Packages*")):
            return None
        try:
            done = subprocess.run(
                [tool, "policy", name],
                capture_output=True,
                text=True,
                errors="replace",
                env={**os.environ, "LC_ALL": "C"},
                timeout=_SECONDS,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired):
            return None
        found = re.search(r"^ *Candidate: (.*)$", done.stdout, re.M)
        return found is not None and found[1] != "(none)"

    def has_module(self, name: str) -> bool:
        """Whether this Python has a module."""
        return importlib.util.find_spec(name) is not None


def version_of(machine: Machine, program: str) -> str:
    """The first line of what a program says of its version; "" when it says nothing."""
    found = machine.find(program)
    if found is None:
        return ""
    try:
        done = subprocess.run(
            [found, "--version"], capture_output=True, text=True, timeout=_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return (done.stdout.strip().splitlines() or [""])[0]


def compile_problem(machine: Machine, compiler: str) -> str:
    """Why a compiler that is there can't make a program; "" when it can."""
    found = machine.find(compiler)
    if found is None:
        return "it was not found"
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "try.c"
        source.write_text(_PROGRAM, encoding="ascii")
        command = [found, str(source), "-o", str(source.with_suffix("")), "-no-pie", "-pthread"]
        try:
            done = subprocess.run(
                [*command, "-ldl"],
                capture_output=True,
                text=True,
                errors="replace",
                timeout=_SECONDS,
                env={**os.environ, "PATH": machine.path, "LC_ALL": "C"},
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            return f"it can't be run: {error}"
    if done.returncode == 0:
        return ""
    said = [line for line in done.stderr.splitlines() if "error" in line] or [
        f"it ended with status {done.returncode}"
    ]
    return said[0].strip()
