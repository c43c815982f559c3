# SPDX-License-Identifier: GPL-2.0-only
"""What becomes of single units, and what is kept of them."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from lp_build.steps import tool
from tests.wrapper.support import Project, environment


def test_unit_is_scouted_and_kept(project: Project) -> None:
    """The object is ours; the text, the plain object and the model lie in .lp/."""
    assert project.cc("-O2", "-g", "-Wall", "-c", "handler.c", "-o", "h.o").status == 0
    assert project.is_scouted("h.o")
    unit = project.units()["h.o"]
    assert (unit.source, unit.cwd, unit.plain) == ("handler.c", str(project.root), "")
    assert unit.object == str(project.root / "h.o")
    assert unit.debug
    assert b'# 1 "handler.c"' in unit.preprocessed(project.build).read_bytes()
    assert project.functions("h.o") == ["twice", "handle"]
    plain = unit.plain_object(project.build).read_bytes()
    assert b"lp_scout" not in plain


def test_captured_object_is_the_compilers(project: Project) -> None:
    """Phase capture changes no object."""
    assert project.cc("-O2", "-c", "handler.c", phase="capture").status == 0
    captured = (project.root / "handler.o").read_bytes()
    assert project.run("gcc", "-O2", "-c", "handler.c").status == 0
    assert (project.root / "handler.o").read_bytes() == captured
    assert project.units()["handler.o"].preprocessed(project.build).exists()


def test_capture_needs_no_configuration(project: Project) -> None:
    """Nothing is decided yet."""
    (project.root / "lp.toml").unlink()
    result = project.wrap_ok("--phase", "capture", "gcc", "-c", "handler.c")
    assert "1 units compiled" in result.err


def test_units_of_equal_names_are_told_apart(project: Project) -> None:
    """By folder and by output, as libtool's .libs/x.o and x.o."""
    project.write(a___util__c="int a(void) { return 1; }\n")
    project.write(b___util__c="int b(int x) { return x; }\n")
    for words in ("-c a/util.c -o a/util.o", "-c b/util.c -o b/util.o", "-c a/util.c -o x/util.o"):
        (project.root / "x").mkdir(exist_ok=True)
        assert project.cc(*words.split()).status == 0
    assert len(list(project.build.units.iterdir())) == 3


def test_object_with_libtools_mark(project: Project) -> None:
    """`-DPIC` says nothing: with --disable-static, programs are linked from such objects."""
    assert project.cc("-fPIC", "-DPIC", "-c", "handler.c").status == 0
    assert project.is_scouted("handler.o")


def test_object_that_stays_plain_has_a_reason(project: Project) -> None:
    """In the report, at the source."""
    assert project.cc("-ffreestanding", "-c", "handler.c").status == 0
    assert not project.is_scouted("handler.o")
    assert project.reasons() == [
        "-ffreestanding: a free-standing program has no runtime to stand on"
    ]


def test_position_independent_object(project: Project) -> None:
    """It may go into a program, as meson's static libraries do. What goes into a shared library
    gets the plain object."""
    assert project.cc("-fPIC", "-O2", "-c", "handler.c").status == 0
    assert project.is_scouted("handler.o")
    assert project.cc("-shared", "handler.o", "-o", "libhandler.so").status == 0
    assert not project.is_scouted("libhandler.so")
    assert project.run("gcc", "-fPIC", "-O2", "-c", "handler.c", "-o", "plain.o").status == 0
    plain = (project.root / "plain.o").read_bytes()
    assert project.units()["handler.o"].plain_object(project.build).read_bytes() == plain


def test_position_independent_object_when_specialising(project: Project) -> None:
    """It may be linked by a linker that we don't see: it stays plain, and the report says what
    makes it Elite."""
    manifest = 'version = 1\nrequest = "handle"\nthreshold = 0.9\ncovered = 1.0\n'
    project.write(**{"lp-manifest__toml": manifest})
    assert project.cc("-fPIC", "-O2", "-c", "handler.c", phase="specialize").status == 0
    assert project.reasons() == [
        "-fPIC: only `lp build` knows that it goes into a program, and makes it Elite there"
    ]
    assert project.units()["handler.o"].plain == ""


def test_optimisation_at_link_time_is_left_out(project: Project) -> None:
    """Ours is code, not the compiler's intermediate form; the link may still ask for it."""
    assert project.cc("-flto", "-O2", "-c", "handler.c").status == 0
    assert project.is_scouted("handler.o")
    assert not project.has("handler.o", ".gnu.lto_")
    assert project.cc("-flto", "-O2", "main.c", "handler.o", "-o", "p").status == 0
    assert project.run("./p", "1", "5", LP_TRACE_DIR=str(project.root / "t")).out == "12\n"


def test_coverage_counters_stay(project: Project) -> None:
    """Notes and counts lie where the build has them, and fit each other."""
    assert project.cc("--coverage", "-O1", "-c", "handler.c").status == 0
    assert project.is_scouted("handler.o")
    assert project.cc("--coverage", "handler.o", "-O1", "main.c", "-o", "program").status == 0
    result = project.run("./program", "1", "5", LP_TRACE_DIR=str(project.root / "t"))
    assert (result.out, result.err) == ("12\n", "")
    shown = project.run("gcov", "-t", "handler.c").out
    assert "        2:    6:	calls++;" in shown.replace("*", "")


def test_function_that_clang_cannot_parse_is_left_alone(project: Project) -> None:
    """And the report says so; the build sees nothing of it."""
    project.write(nested__c="int f(int x) { int g(int y) { return x + y; } return g(1); }\n")
    result = project.cc("-O2", "-c", "nested.c")
    assert (result.status, result.err) == (0, "")
    assert any("f is left alone: it has a nested function" in r for r in project.reasons())


def test_missing_configuration_leaves_the_build_alone(project: Project) -> None:
    """lp-wrap would have refused; lp-cc by itself compiles plainly and reports."""
    (project.root / "lp.toml").unlink()
    result = project.cc("-c", "handler.c")
    assert (result.status, result.err) == (0, "")
    assert not project.is_scouted("handler.o")
    assert any("cannot read the configuration" in reason for reason in project.reasons())


def test_nothing_can_be_written(project: Project) -> None:
    """The object is made all the same, and it is said that nothing is captured."""
    (project.root / ".lp").write_text("in the way\n", encoding="utf-8")
    result = project.cc("-c", "handler.c")
    assert result.status == 0
    assert "nothing is captured" in result.err
    assert (project.root / "handler.o").exists()
    assert project.cc("handler.o", "main.c", "-o", "program").status == 0
    assert project.run("./program", "3").out == "6\n"


def test_failed_compile_leaves_no_unit(project: Project) -> None:
    """What there was before stays as it was."""
    assert project.cc("-c", "handler.c").status == 0
    before = project.units()["handler.o"]
    project.write(handler__c="int handle(int x) { return y; }\n")
    assert project.cc("-c", "handler.c").status == 1
    assert project.units()["handler.o"] == before


def test_changed_source_is_captured_again(project: Project) -> None:
    """Sites follow the text."""
    assert project.cc("-c", "handler.c").status == 0
    project.write(handler__c="int other(int x) { return x ? 1 : 2; }\n")
    assert project.cc("-c", "handler.c", phase="capture").status == 0
    assert project.functions("handler.o") == []
    assert project.cc("-c", "handler.c").status == 0
    assert project.functions("handler.o") == ["other"]


def test_compile_commands(project: Project) -> None:
    """As clangd reads them: plain compiler, original source."""
    project.wrap_ok("gcc", "-O2", "-DX", "-c", "handler.c", "-o", "h.o")
    (row,) = json.loads((project.build.path / "compile_commands.json").read_text())
    assert row["directory"] == str(project.root)
    assert row["file"] == "handler.c"
    assert Path(row["arguments"][0]).name == "gcc"
    assert row["arguments"][1:] == ["-O2", "-DX", "-c", "handler.c", "-o", "h.o"]
    done = subprocess.run(row["arguments"], cwd=row["directory"], check=False)
    assert done.returncode == 0


def test_compiler_that_a_signal_ends(project: Project) -> None:
    """lp-cc ends by the same signal."""
    project.write(killed="#!/bin/sh\nkill -ABRT $$\n")
    (project.root / "killed").chmod(0o755)
    result = project.cc("-c", "handler.c", LP_CC=str(project.root / "killed"))
    assert result.status == -6


def runs(pid: int) -> bool:
    """Whether a process runs; one that has ended, but that nobody has waited for, doesn't."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


def test_signal_for_lp_cc_reaches_the_compiler(project: Project) -> None:
    """And ends both; nothing of the compiler is left behind."""
    project.write(slow="#!/bin/sh\necho $$ >>pids\nwhile :; do read -r x <fifo; done\n")
    (project.root / "slow").chmod(0o755)
    subprocess.run(["mkfifo", "fifo"], cwd=project.root, check=True)
    env = environment(LP_PHASE="capture", LP_CC=str(project.root / "slow"))
    pids = project.root / "pids"
    with subprocess.Popen([tool("lp-cc"), "-c", "handler.c"], cwd=project.root, env=env) as process:
        # One compile for the build, one -E for us.
        while not pids.exists() or pids.read_text().count("\n") < 2:
            assert process.poll() is None
        process.terminate()
        assert process.wait(20) == -15
    for pid in pids.read_text().split():
        assert not runs(int(pid))
