# SPDX-License-Identifier: GPL-2.0-only
"""What a configure asks is answered by the compiler itself, and fast: no Python is started."""

from __future__ import annotations

from pathlib import Path

import pytest

from lp_build.steps import tool
from tests.wrapper.support import Project, environment, run

PROBES = [
    "-c conftest.c",
    "-o conftest conftest.c -lm",
    "-o conftest-1 x/conftest1.c",
    "-c objs/autotest.c -o objs/autotest",
    "-c -O3 ztest4711.c",
    "-O3 -o ztest4711 ztest4711.c",
    "-c -o CMakeFiles/cmTC_12ab.dir/probe.c.o probe.c",
    "-E main.c",
    "-MM main.c",
    "-fsyntax-only main.c",
    "--version",
    "-v",
    "-dumpmachine",
    "-print-search-dirs",
    "--print-file-name=libc.so",
    "",
    "-c helper.S",
    "-### main.c",
]
WORK = ["-c main.c", "main.c", "@args", "-v -c main.c", "main.o -o main", "-x c noext -c"]
# Left plain, which the report has to tell.
TOLD = ["-S main.c -o main.s", "-x c -", "-x c -c - -o stdin.o"]


@pytest.fixture
def asked(project: Project) -> Project:
    """An `lp` that only tells that it was called."""
    for folder in ("x", "objs", "CMakeFiles/cmTC_12ab.dir", "meson-private/tmp1"):
        (project.root / folder).mkdir(parents=True)
    for name in (
        "conftest.c",
        "x/conftest1.c",
        "objs/autotest.c",
        "ztest4711.c",
        "probe.c",
        "noext",
    ):
        (project.root / name).write_text("int main(void) { return 0; }\n", encoding="utf-8")
    project.write(helper__S="\n", args="-c main.c\n")
    (project.root / "bin").mkdir()
    lp = project.root / "bin" / "lp"
    lp.write_text('#!/bin/sh\necho "$@" >>"$0.called"\n', encoding="utf-8")
    lp.chmod(0o755)
    return project


def is_asked(project: Project, command: str, cwd: str = ".") -> bool:
    """Whether lp-cc calls `lp` for this command."""
    env = environment(LP_PHASE="scout", LP_BIN=str(project.root / "bin"))
    run([tool("lp-cc"), *command.split()], project.root / cwd, env)
    return (project.root / "bin" / "lp.called").exists()


@pytest.mark.parametrize("command", PROBES)
def test_probe_is_the_compilers(asked: Project, command: str) -> None:
    """By the names that configure scripts, nginx, zlib and CMake give, and by what is asked."""
    assert not is_asked(asked, command)


@pytest.mark.parametrize("command", [*WORK, *TOLD])
def test_work_is_ours(asked: Project, command: str) -> None:
    """Compiles and links, and what stays plain with a line in the report."""
    assert is_asked(asked, command)


def test_mesons_probes(asked: Project) -> None:
    """They are told by their folder."""
    (asked.root / "meson-private/tmp1/testfile.c").write_text("int x;\n", encoding="utf-8")
    assert not is_asked(asked, "-c testfile.c", "meson-private/tmp1")


def test_probe_is_answered(project: Project) -> None:
    """With the compiler's own outputs."""
    project.write(conftest__c="int main(void) { return 7; }\n")
    result = project.cc("conftest.c", "-o", "conftest")
    assert (result.status, result.err) == (0, "")
    assert project.run("./conftest").status == 7
    assert not (project.root / ".lp").exists()


def test_called_through_a_link(project: Project, tmp_path: Path) -> None:
    """`lp` is found beside what the link leads to."""
    link = tmp_path / "my-compiler"
    link.symlink_to(tool("lp-cc"))
    env = environment(LP_PHASE="scout")
    assert run([link, "-c", "handler.c"], project.root, env).status == 0
    assert project.is_scouted("handler.o")


def test_compiler_of_several_words(project: Project) -> None:
    """As `ccache gcc`."""
    result = project.cc("-c", "handler.c", LP_CC="env VARIABLE=1 gcc")
    assert (result.status, result.err) == (0, "")
    assert project.is_scouted("handler.o")


def test_compiler_that_is_ours(project: Project) -> None:
    """Refused, not called for ever."""
    result = project.cc("-c", "handler.c", LP_CC=tool("lp-cc"))
    assert result.status == 1
    assert "LP_CC names lp-cc itself" in result.err
    assert "remedy" in result.err


def test_compiler_that_does_not_exist(project: Project) -> None:
    """The shell's status for it."""
    for phase in ("", "scout"):
        assert project.cc("-c", "handler.c", phase=phase, LP_CC="no-such-cc").status == 127


def test_unknown_phase(project: Project) -> None:
    """Named, with the phases that there are."""
    result = project.cc("-c", "handler.c", phase="scuot")
    assert result.status == 1
    assert "unknown phase `scuot` in LP_PHASE" in result.err
    assert "scout, specialize, capture" in result.err
