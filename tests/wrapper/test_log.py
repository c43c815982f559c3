# SPDX-License-Identifier: GPL-2.0-only
"""Builds whose compiler our shims don't meet: by what they printed, by make -n, or --trace."""

from __future__ import annotations

from pathlib import Path

import pytest

from lp_build.wrapper.buildlog import read_log
from tests.rebuild.support import HOT, SOURCES, Server
from tests.wrapper.support import Project

ABSOLUTE = ("CC=/usr/bin/gcc", "AR=/usr/bin/ar")


def words(log: str) -> list[tuple[str, ...]]:
    """The commands of a log, from their tool on."""
    return [c.words[c.program :] for c in read_log(log, "build.log", "/tmp").commands]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("gcc -O2 -c x.c -o x.o", "gcc|-O2|-c|x.c|-o|x.o"),
        ("/opt/gcc-12/bin/gcc-12 -c x.c", "/opt/gcc-12/bin/gcc-12|-c|x.c"),
        ("x86_64-linux-gnu-gcc -o p x.o -lm", "x86_64-linux-gnu-gcc|-o|p|x.o|-lm"),
        ("/usr/bin/clang-14 -c x.c", "/usr/bin/clang-14|-c|x.c"),
        ("ccache gcc -c x.c", "gcc|-c|x.c"),
        ("CCACHE_DIR=/x nice ccache /usr/bin/cc -c x.c", "/usr/bin/cc|-c|x.c"),
        (r"cc -DV=\"1.0\" -DW='\"a b\"' -c x.c", 'cc|-DV="1.0"|-DW=\\"a b\\"|-c|x.c'),
        ("cc -DX='\"2\"' '-DY=a b' \"-DZ=it's\" -c x.c", 'cc|-DX="2"|-DY=a b|-DZ=it\'s|-c|x.c'),
        ("cc -c größe.c 'two words.c' >/dev/null 2>&1", "cc|-c|größe.c|two words.c"),
        ("cc -c `test -f x.c || echo ../src/`x.c", "cc|-c|../src/x.c"),
        ("if cc -c x.c; then mv a b; else exit 1; fi", "cc|-c|x.c"),
        ("cc -c x.c && mv -f .deps/x.Tpo .deps/x.Po", "cc|-c|x.c"),
        ('@echo "  CC x.o"; cc -c x.c', "cc|-c|x.c"),
        ("libtool: compile:  gcc -c x.c  -fPIC -o .libs/x.o", "gcc|-c|x.c|-fPIC|-o|.libs/x.o"),
        ("libtool: link: ranlib .libs/libx.a", "ranlib|.libs/libx.a"),
        ("/usr/bin/ar cr libx.a x.o", "/usr/bin/ar|cr|libx.a|x.o"),
        ("x86_64-linux-gnu-gcc-ar-12 cr x.a x.o", "x86_64-linux-gnu-gcc-ar-12|cr|x.a|x.o"),
        ("ld -r -o both.o a.o b.o", "ld|-r|-o|both.o|a.o|b.o"),
        ("strip --strip-debug x.o", "strip|--strip-debug|x.o"),
        ("g++ -c x.cc", "g++|-c|x.cc"),
    ],
)
def test_line_that_runs_a_tool(line: str, expected: str) -> None:
    """As the shell would have read it."""
    assert words(line) == [tuple(expected.split("|"))]


@pytest.mark.parametrize(
    "line",
    [
        "checking for gcc... gcc",
        "checking whether the C compiler works... yes",
        "gcc: error: unrecognized command-line option '-fno-such'",
        "/usr/bin/ld: x.o: in function `f': undefined reference to `handle'",
        "x.c:3:1: warning: `cc' is (old) [-Wall]",
        "make[1]: gcc: No such file or directory",
        "  CC       x.o",
        "echo cc -c x.c",
        "rm -f cc",
        "cp gcc /usr/bin/gcc",
        "ccache --zero-stats",
        "for i in a b; do cc -c $i.c; done",
    ],
)
def test_line_that_runs_none(line: str) -> None:
    """Talk, and what its shell alone could tell."""
    assert words(line) == []


def test_folders() -> None:
    """make names those it enters; a shell may go into others."""
    log = """make: Entering directory '/a'
cc -c one.c
make[1]: Entering directory '/a/b c'
cc -c two.c
cd sub && cc -c three.c
(cd sub; cc -c four.c); cc -c five.c
make[1]: Leaving directory '/a/b c'
cc -c \\
  six.c
make: Leaving directory '/a'
cc -c seven.c
"""
    found = [(c.cwd, c.words[-1], c.line) for c in read_log(log, "log", "/top").commands]
    assert found == [
        ("/a", "one.c", 2),
        ("/a/b c", "two.c", 4),
        ("/a/b c/sub", "three.c", 5),
        ("/a/b c/sub", "four.c", 6),
        ("/a/b c", "five.c", 6),
        ("/a", "six.c", 8),
        ("/top", "seven.c", 11),
    ]


def test_libtool_says_what_it_runs() -> None:
    """Then its own command line is left out; where it is silent, that is what there is."""
    script = "/bin/sh ../libtool --tag=CC --mode=compile gcc -c x.c -o x.lo\n"
    said = "libtool: compile:  gcc -c x.c -o x.o >/dev/null 2>&1\n"
    assert words(script + said) == [("gcc", "-c", "x.c", "-o", "x.o")]
    (command,) = read_log(script, "log", "/tmp").commands
    assert command.is_libtools
    assert command.words[:3] == ("/bin/sh", "../libtool", "--tag=CC")


@pytest.fixture
def server(project: Project) -> Server:
    """A server, not built."""
    return Server(project.write(**SOURCES))


def specialise(server: Server) -> None:
    """From the scouting program on, as always."""
    assert server.project.is_scouted("server")
    assert server.project.run("./server", *HOT).status == 0
    server.manifest()
    server.build()
    assert server.is_elite()
    server.check()


def test_log_of_a_build(server: Server) -> None:
    """The build has been, plainly; from its log the whole way to Elite."""
    built = server.project.run("make", *ABSOLUTE)
    server.project.write(build__log=built.out)
    assert not server.project.is_scouted("server")
    result = server.project.wrap_ok("--log", "build.log")
    assert "5 commands of the build were run again" in result.err
    assert "3 units compiled, 6 functions scouted" in result.err
    specialise(server)


def test_make_n(server: Server) -> None:
    """What make said that it would do is as good, once it has done it."""
    asked = server.project.run("make", "-n", *ABSOLUTE)
    server.project.write(build__log=asked.out)
    assert server.project.run("make", *ABSOLUTE).status == 0
    server.project.wrap_ok("--log", "build.log")
    specialise(server)


def test_trace(server: Server) -> None:
    """make says what it does, silent or not, and that is done again through ours."""
    result = server.project.wrap_ok("--trace", "make", "-s", "-j2", *ABSOLUTE)
    assert result.out == ""
    assert "5 commands of the build were run again" in result.err
    specialise(server)


def test_trace_below(server: Server) -> None:
    """A makefile of makefiles."""
    files = [p for p in server.root.iterdir() if p.suffix in (".c", ".h") or p.name == "Makefile"]
    (server.root / "below").mkdir()
    for path in files:
        path.rename(server.root / "below" / path.name)
    server.project.write(Makefile="all:\n\t$(MAKE) -C below\n")
    server.project.wrap_ok("--trace", "make", *ABSOLUTE)
    assert server.project.is_scouted("below/server")


def test_libtools_script(project: Project) -> None:
    """libtool runs our compiler, called by its path."""
    project.write(
        Makefile="LIBTOOL = libtool --tag=CC --silent\n"
        "program: main.c libconv.la\n\t$(LIBTOOL) --mode=link $(CC) -o $@ main.c libconv.la\n"
        "libconv.la: handler.lo\n\t$(LIBTOOL) --mode=link $(CC) -o $@ handler.lo\n"
        "handler.lo: handler.c\n\t$(LIBTOOL) --mode=compile $(CC) -O2 -c handler.c -o $@\n"
    )
    project.wrap_ok("--trace", "make", "CC=/usr/bin/gcc")
    assert project.is_scouted("program")
    env = {"LP_TRACE_DIR": str(project.root / "traces")}
    assert project.run("./program", "1", "5", **env).out == "12\n"


def test_build_that_fails(project: Project) -> None:
    """Its status, and nothing is run again."""
    project.write(Makefile="x:\n\t/usr/bin/gcc -c handler.c\n\tfalse\n")
    result = project.wrap("--trace", "make")
    assert result.status == 2
    assert not project.is_scouted("handler.o")


def test_command_that_cannot_be_run_again(project: Project) -> None:
    """Its files stay as the build made them; the report says so; the rest is done."""
    assert project.run("gcc", "-c", "handler.c").status == 0
    project.write(build__log="gcc -c gone.c\n/no/such/gcc -c handler.c\ngcc -c handler.c\n")
    result = project.wrap_ok("--log", "build.log")
    assert "2 could not be: `gcc -c gone.c` fails when it is run again" in result.err
    assert project.is_scouted("handler.o")
    assert any("there is no such /no/such/gcc" in reason for reason in project.reasons())


@pytest.mark.parametrize("text", ["", "nothing to be done\n", "  CC x.o\n"])
def test_log_without_commands(project: Project, text: str) -> None:
    """An error that says how to get one with them."""
    project.write(build__log=text)
    result = project.wrap("--log", "build.log")
    assert result.status == 1
    assert "build.log: no command in it calls a compiler" in result.err
    assert "make V=1" in result.err


def test_log_that_is_not_there(project: Project) -> None:
    """Said."""
    result = project.wrap("--log", "none.log")
    assert result.status == 1
    assert "none.log: cannot read the build's log" in result.err


def test_log_with_a_command(project: Project, tmp_path: Path) -> None:
    """Either or."""
    result = project.wrap("--log", "build.log", "make")
    assert result.status == 2
    assert "name no command" in result.err
