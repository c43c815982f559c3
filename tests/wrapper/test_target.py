# SPDX-License-Identifier: GPL-2.0-only
"""Compilers for other machines: refused where they are the build's compiler, else left alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from lp_build.compile.target import foreign_target
from tests.wrapper.support import Project, environment

# What gcc for another machine is to us: it says its target, and writes an object of some kind.
CROSS = """#!/bin/sh
[ "$1" != -dumpmachine ] || { echo aarch64-linux-gnu; exit; }
exec gcc "$@"
"""
NAME = "aarch64-linux-gnu-gcc"


@pytest.fixture
def path(project: Project, tmp_path: Path) -> str:
    """A PATH that has the cross compiler."""
    compiler = tmp_path / "bin" / NAME
    compiler.parent.mkdir()
    compiler.write_text(CROSS, encoding="utf-8")
    compiler.chmod(0o755)
    (project.root / "handler.c").write_text("int handle(int x) { return x ? 1 : 2; }\n")
    return f"{compiler.parent}:{environment()['PATH']}"


@pytest.mark.parametrize(
    ("name", "target"),
    [
        ("aarch64-linux-gnu-gcc", "aarch64-linux-gnu"),
        ("/opt/x/arm-none-eabi-gcc-12", "arm-none-eabi"),
        ("i686-linux-gnu-gcc", "i686-linux-gnu"),
        ("x86_64-w64-mingw32-gcc", "x86_64-w64-mingw32"),
        ("riscv64-unknown-linux-gnu-g++", "riscv64-unknown-linux-gnu"),
        ("x86_64-linux-gnu-gcc-12", ""),
        ("x86_64-pc-linux-gnu-clang", ""),
        ("x86_64-linux-musl-gcc", ""),
        ("gcc", ""),
        ("gcc-12", ""),
        ("c99-gcc", ""),
        ("my-gcc", ""),
    ],
)
def test_target_in_a_name(name: str, target: str) -> None:
    """As GNU tools are named."""
    assert foreign_target(name) == target


@pytest.mark.parametrize("variable", ["LP_CC", "CC"])
def test_cross_compiler_of_a_build(project: Project, path: str, variable: str) -> None:
    """Refused before anything is built, with what it compiles for."""
    result = project.wrap("touch", "built", PATH=path, **{variable: NAME})
    assert result.status == 1
    assert f"{variable} is `{NAME}`, which compiles for aarch64-linux-gnu" in result.err
    assert "x86-64 Linux only" in result.err
    assert "remedy: build for this machine" in result.err
    assert not (project.root / "built").exists()


def test_cross_compiler_in_a_makefile(project: Project, path: str) -> None:
    """The build is done as it would have been; then it is said that nothing of it can be Elite."""
    project.write(Makefile=f"handler.o: handler.c\n\t{NAME} -c handler.c\n")
    result = project.wrap("make", PATH=path)
    assert result.status == 1
    assert f"nothing was compiled for x86-64 Linux: {NAME}" in result.err
    assert "handler.o: " in result.err
    assert not project.is_scouted("handler.o")


def test_cross_compiler_beside_ours(project: Project, path: str) -> None:
    """A boot loader's part, say: that is plain, with the reason, and the rest is scouted. LP_CC is
    not about it."""
    script = f"{NAME} -c handler.c -o theirs.o; gcc -c handler.c -o ours.o"
    project.wrap_ok("sh", "-ec", script, PATH=path, LP_CC="gcc")
    assert project.is_scouted("ours.o")
    assert not project.is_scouted("theirs.o")
    assert project.reasons() == [
        f"{NAME}: it compiles for aarch64-linux-gnu; only x86-64 Linux can be Elite"
    ]
    assert Path(project.units()["theirs.o"].compiler).name == NAME


def test_lp_cc_for_another_machine(project: Project, path: str) -> None:
    """Without lp-wrap: compiled plainly, with the reason."""
    assert project.cc("-c", "handler.c", LP_CC=NAME, PATH=path).status == 0
    assert not project.is_scouted("handler.o")
    assert "aarch64-linux-gnu" in project.reasons()[0]
