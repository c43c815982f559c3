# SPDX-License-Identifier: GPL-2.0-only
"""lp-wrap: what a build meets in it, and what its user is told."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest

from lp_build.steps import tool
from tests.wrapper.support import Project, environment

MAKEFILE = """
program: main.o lib.a
	$(CC) -o $@ $^
lib.a: handler.o
	rm -f $@
	ar cr $@ $^
	ranlib $@
clean:
	rm -f *.o *.a program
"""


@pytest.fixture
def made(project: Project) -> Project:
    """With a makefile."""
    return project.write(Makefile=MAKEFILE)


@pytest.mark.parametrize(
    "command", ["make", "make CC=gcc", "make CC=cc AR=gcc-ar", "make CC=/usr/bin/gcc"]
)
def test_makefiles_meet_our_tools(made: Project, command: str) -> None:
    """By CC, by PATH, or (an absolute path) not at all: then the build is just the build."""
    made.wrap_ok(*command.split())
    assert made.is_scouted("program") == ("/usr/bin" not in command)
    assert made.run("./program", "1", "5", LP_TRACE_DIR=str(made.root / "t")).out == "12\n"


def test_users_compiler_is_kept(made: Project) -> None:
    """CC that is set to something else is not ours to change; the shim meets it on PATH."""
    result = made.wrap_ok("sh", "-c", 'echo "$CC"; $CC -c handler.c', CC="gcc")
    assert result.out == "gcc\n"
    assert made.is_scouted("handler.o")


def test_build_that_extends_path(made: Project) -> None:
    """The real tools are found, and no shim calls itself."""
    (made.root / "tools").mkdir()
    result = made.wrap_ok("sh", "-c", "PATH=$PWD/tools:$PATH; make -s && gcc --version")
    assert made.is_scouted("program")
    assert "gcc" in result.out.lower()


def test_build_below_the_project(made: Project) -> None:
    """.lp/ lies where lp.toml does."""
    made.write(below___Makefile="x.o: ../handler.c\n\t$(CC) -c -o $@ $<\n")
    made.wrap_ok("make", "-C", "below")
    assert made.is_scouted("below/x.o")
    assert not (made.root / "below/.lp").exists()
    assert made.functions("x.o") == ["twice", "handle"]


@pytest.mark.parametrize("status", [0, 1, 2, 77, 255])
def test_status_is_the_builds(project: Project, status: int) -> None:
    """Whatever it is."""
    assert project.wrap("sh", "-c", f"exit {status}").status == status


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL, signal.SIGSEGV])
def test_build_that_a_signal_ends(project: Project, number: signal.Signals) -> None:
    """lp-wrap ends in the same way."""
    assert project.wrap("sh", "-c", f"kill -{int(number)} $$").status == -number


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_signal_is_passed_on(project: Project, number: signal.Signals) -> None:
    """To the build, which may take its time to end."""
    script = f"trap 'echo caught; exit 3' {int(number)}; echo ready; while :; do read x <fifo; done"
    subprocess.run(["mkfifo", "fifo"], cwd=project.root, check=True)
    with subprocess.Popen(
        [tool("lp-wrap"), "bash", "-c", script],
        cwd=project.root,
        env=environment(),
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(number)
        assert process.stdout.readline() == "caught\n"
        assert process.wait(20) == 3


def test_options_of_the_build_are_its_own(project: Project) -> None:
    """After the command's name nothing is ours, and -- ends ours."""
    assert project.wrap("sh", "-c", 'echo "$1"', "x", "--phase").out == "--phase\n"
    assert project.wrap("--", "sh", "-c", "exit 4", "--quiet").status == 4


@pytest.mark.parametrize(
    ("command", "status", "message"),
    [
        ("no-such-command", 127, "the command `no-such-command` was not found"),
        ("./lp.toml", 126, "the command `./lp.toml` cannot be run"),
    ],
)
def test_command_that_cannot_be_run(
    project: Project, command: str, status: int, message: str
) -> None:
    """A shell's status, and a remedy."""
    result = project.wrap(command)
    assert result.status == status
    assert message in result.err
    assert "remedy" in result.err


def test_no_command(project: Project) -> None:
    """Usage."""
    result = project.wrap()
    assert result.status == 2
    assert "no command to run" in result.err


def test_missing_configuration(project: Project) -> None:
    """Said before anything is built, where scouting was asked for."""
    (project.root / "lp.toml").unlink()
    result = project.wrap("--phase", "scout", "touch", "built")
    assert result.status == 1
    assert "lp.toml: cannot read the configuration" in result.err
    assert not (project.root / "built").exists()


def test_without_a_configuration_a_build_surveys(project: Project) -> None:
    """There is nothing to scout yet, and `lp init` is to find it."""
    (project.root / "lp.toml").unlink()
    result = project.wrap("gcc", "-c", "handler.c")
    assert result.status == 0
    assert "survey: 1 units compiled, 2 functions surveyed" in result.err


def test_other_configuration(project: Project) -> None:
    """--config names it, also for the compilers."""
    (project.root / "lp.toml").rename(project.root / "other.toml")
    project.wrap_ok("--phase", "scout", "--config", "other.toml", "gcc", "-c", "handler.c")
    assert project.is_scouted("handler.o")


def test_nothing_can_be_written(project: Project) -> None:
    """Said before anything is built, with a remedy."""
    (project.root / ".lp").write_text("in the way\n", encoding="utf-8")
    result = project.wrap("touch", "built")
    assert result.status == 1
    assert ".lp: cannot write there" in result.err
    assert "remedy" in result.err
    assert not (project.root / "built").exists()


def test_specialising_without_manifest(project: Project) -> None:
    """The way to one is named."""
    result = project.wrap("--phase", "specialize", "true")
    assert result.status == 1
    assert "lp-manifest.toml: there is no manifest yet" in result.err
    assert "lp manifest" in result.err


@pytest.mark.parametrize(
    ("toml", "line", "message"),
    [
        ('request = "nowhere"\n', 1, "no unit of this build defines `nowhere`"),
        ('# x\nrequest = "other.c:handle"\n', 2, "no unit of this build defines `other.c:handle`"),
        ('request = "handle"\nloop = "rounds"\n', 2, "no unit of this build defines `rounds`"),
    ],
)
def test_function_that_does_not_exist(made: Project, toml: str, line: int, message: str) -> None:
    """Named with its line in lp.toml once the program is linked; the build itself is done."""
    made.write(lp__toml=toml)
    result = made.wrap("make")
    assert result.status == 1
    assert f"{made.root}/lp.toml:{line}: {message}" in result.err
    assert "remedy" in result.err
    assert (made.root / "program").exists()


def test_request_function_that_our_passes_left_alone(made: Project) -> None:
    """It is there: its place and the reason are told, not that it is nowhere."""
    made.write(
        handler__c="int handle(int x)\n{\n\tint twice(int y) { return 2 * y + x; }\n\n"
        "\treturn twice(x);\n}\n"
    )
    result = made.wrap("make")
    assert result.status == 1
    assert "handler.c:3: handle is left alone: it has a nested function" in result.err
    assert "lp.toml:1" in result.err
    assert "no unit" not in result.err


# What a build of several commands has made before the program, and what is said of the function.
BEFORE = {
    "a_library": ("make util.o", "no unit defines `handle` so far (lp.toml:1); handler.c:"),
    "another_program": ("make util", "handler.c:4 seems to, and has not been compiled"),
    # As a configure script of its own kind does.
    "tried_and_removed": (
        "cp util.c try.c && gcc -c try.c && gcc -o try try.o && ./try && rm try*",
        "handler.c:4 seems to, and has not been compiled",
    ),
    "nothing": ("true", ""),
}


@pytest.mark.parametrize("name", BEFORE)
def test_request_function_is_still_to_come(made: Project, name: str) -> None:
    """Then it is no error: a step of a build never ends worse than without us."""
    command, said = BEFORE[name]
    made.write(util__c="int main(void) { return 0; }\n")
    result = made.wrap_ok("sh", "-c", command)
    assert said in result.err
    assert ("so far" in result.err) == bool(said)
    assert "so far" not in made.wrap_ok("make").err


def test_function_that_does_not_exist_is_no_error_of_other_commands(made: Project) -> None:
    """Only what links the program fails by it; up to date, it is said again."""
    made.write(lp__toml='request = "nowhere"\n', util__c="int util(void) { return 1; }\n")
    assert made.wrap("make").status == 1
    assert "no unit defines `nowhere` so far (lp.toml:1)\n" in made.wrap_ok("make").err
    made.wrap_ok("make", "util.o")
    made.wrap_ok("make", "clean")
    assert made.wrap("make").status == 1


def test_request_function_in_a_unit_that_is_left_plain(made: Project) -> None:
    """The build has what it would have without us, and the reason is named."""
    result = made.wrap_ok("sh", "-c", "gcc -pg -c handler.c && make")
    assert "handler.c:4 seems to, and was left plain: " in result.err


def test_request_by_its_file(made: Project) -> None:
    """file.c:name, by trailing components."""
    made.write(lp__toml='request = "handler.c:handle"\n')
    made.wrap_ok("make")


def test_summary(made: Project) -> None:
    """One line, and where the report is when something was left plain."""
    made.write(pic__c="int pic(void) { return 1; }\n")
    result = made.wrap_ok("sh", "-c", "make -s && gcc -ffreestanding -c pic.c")
    assert "lp-wrap: scout: 3 units compiled, 3 functions scouted, 1 units left plain" in result.err
    assert "1 thing was left as it is: see `lp report`" in result.err
    assert made.wrap_ok("--quiet", "make", "-s", "clean").err == ""


def test_build_that_is_up_to_date(made: Project) -> None:
    """Said, and not an error."""
    made.wrap_ok("make")
    assert "nothing was compiled" in made.wrap_ok("make").err


def test_phase_without_lp_wrap(made: Project) -> None:
    """CC=lp-cc with LP_PHASE in the environment is enough."""
    settings = {"LP_PHASE": "scout", "CC": tool("lp-cc")}
    assert made.run("make", **settings).status == 0
    assert made.is_scouted("program")
    assert (made.build.path / "units").is_dir()


def test_parallel_build(project: Project) -> None:
    """Many units, links and archives at once: nothing is lost or torn."""
    count = 16
    for number in range(count):
        body = f"int f{number}(int x) {{ return x > {number} ? 1 : 0; }}\n"
        project.write(**{f"u{number}__c": body})
        call = f"int f{number}(int); int handle(int x) {{ return f{number}(x); }}\n"
        text = f"{call}int main(void) {{ return handle({number}); }}\n"
        project.write(**{f"p{number}__c": text})
    rules = [
        f"p{n}: p{n}.o u{n}.a\n\t$(CC) -o $@ $^\nu{n}.a: u{n}.o\n\tar rcs $@ $^\n"
        for n in range(count)
    ]
    names = " ".join(f"p{n}" for n in range(count))
    project.write(Makefile=f"all: {names}\n" + "".join(rules))
    project.wrap_ok("make", "-j4")
    assert len(project.units()) == 2 * count
    kinds = [step.kind for step in project.steps()]
    assert (kinds.count("link"), kinds.count("archive")) == (count, count)
    for number in range(count):
        assert project.is_scouted(f"p{number}")


def test_libtools_way(project: Project) -> None:
    """Objects of two kinds, a convenience library unpacked and archived again, all deleted."""
    script = """
    mkdir -p .libs .libs/x
    $CC -O2 -fPIC -DPIC -c handler.c -o .libs/handler.o
    $CC -O2 -c handler.c -o handler.o >/dev/null 2>&1
    ar cr .libs/libconv.a handler.o
    ranlib .libs/libconv.a
    (cd .libs/x && ar x ../libconv.a)
    ar cr libfinal.a .libs/x/handler.o
    $CC -shared .libs/handler.o -Wl,-soname -Wl,libfinal.so -o .libs/libfinal.so
    $CC -O2 -c main.c
    $CC main.o libfinal.a -o program
    rm -rf .libs *.o libfinal.a
    """
    project.wrap_ok("sh", "-ec", script)
    assert project.is_scouted("program")
    link = project.steps()[-1]
    assert link.kind == "link"
    assert len(project.units()) == 2  # by name; handler.o of both kinds
    assert len(list(project.build.units.iterdir())) == 3


def test_shims_are_not_left_on_path_of_the_compiler(project: Project) -> None:
    """The real compiler finds the real assembler and linker."""
    show = '#!/bin/sh\necho "$PATH" >path\nexec gcc "$@"\n'
    project.write(show=show)
    (project.root / "show").chmod(0o755)
    project.wrap_ok("cc", "-c", "handler.c", LP_CC=str(project.root / "show"))
    path = (project.root / "path").read_text()
    assert ".lp/shims" not in path


def test_nested(made: Project) -> None:
    """lp-wrap within lp-wrap is one wrapped build."""
    made.wrap_ok(tool("lp-wrap"), "--quiet", "make")
    assert made.is_scouted("program")


def test_other_folder_for_lp(made: Project, tmp_path: Path) -> None:
    """LP_DIR names another `.lp`; its project is where that lies."""
    other = tmp_path / "other"
    other.mkdir()
    (other / "lp.toml").write_text('request = "handle"\n', encoding="utf-8")
    made.wrap_ok("make", LP_DIR=str(other / ".lp"))
    assert (other / ".lp/units").is_dir()
    assert not (made.root / ".lp").exists()


def test_environment_of_the_build(project: Project) -> None:
    """Nothing but ours is added; nothing is taken."""
    result = project.wrap_ok("--quiet", "env", CC="gcc", EXTRA="kept")
    theirs = dict(line.split("=", 1) for line in result.out.splitlines() if "=" in line)
    ours = environment(CC="gcc", EXTRA="kept")
    added = {name for name in theirs if name not in ours}
    assert {name for name in added if not name.startswith("LP_")} <= {"_", "SHLVL", "PWD"}
    assert theirs["EXTRA"] == "kept"
    assert theirs["PATH"].partition(os.pathsep)[2] == ours["PATH"]
