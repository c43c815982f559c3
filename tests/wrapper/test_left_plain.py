# SPDX-License-Identifier: GPL-2.0-only
"""No source stays plain without a word: it is treated, or the report or lp-wrap says why not."""

from __future__ import annotations

import pytest

from tests.wrapper.support import MAIN, Project

TREATED = {
    "temporaries": ["gcc -O2 -save-temps=obj -c handler.c -o handler.o"],
    "preprocessed": ["gcc -O2 -E handler.c -o handler.i", "gcc -O2 -c handler.i -o handler.o"],
    "preprocessed_by_option": [
        "gcc -O2 -E handler.c -o handler.txt",
        "gcc -O2 -x cpp-output -c handler.txt -o handler.o",
    ],
    "triplet": ["x86_64-linux-gnu-gcc -O2 -c handler.c"],
    "triplet_and_version": ["x86_64-linux-gnu-gcc-12 -O2 -c handler.c"],
    "version": ["gcc-12 -O2 -c handler.c"],
    "long_options": ["gcc --compile --optimize=2 --output=handler.o handler.c"],
}


@pytest.mark.parametrize("name", TREATED)
def test_it_is_treated(project: Project, name: str) -> None:
    """As any other source."""
    result = project.wrap_ok("sh", "-ec", "\n".join(TREATED[name]))
    assert project.reasons() == []
    assert project.is_scouted("handler.o")
    assert "1 units compiled, 2 functions scouted" in result.err


SAID = {
    "standard_input": ("gcc -O2 -x c -c -o handler.o - <handler.c", "standard input"),
    "assembly": ("gcc -O2 -S handler.c && gcc -c handler.s", "-S: "),
    "wrapped": ("gcc -wrapper env,A=1 -O2 -c handler.c", "-wrapper: "),
    "shared_at_once": ("gcc -shared -fPIC handler.c -o lib.so", "no program of its own"),
    "directives": (
        "gcc -E -fdirectives-only handler.c -o h.i && echo '#define A 1' >>h.i && gcc -c h.i",
        "directives",
    ),
}


@pytest.mark.parametrize("name", SAID)
def test_the_report_says_why(project: Project, name: str) -> None:
    """With the option or the way that is in the way."""
    command, reason = SAID[name]
    result = project.wrap_ok("sh", "-ec", command)
    assert any(reason in row for row in project.reasons()), project.reasons()
    assert "left as" in result.err


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_compiler_by_its_path(project: Project, compiler: str) -> None:
    """No shim meets it: lp-wrap says so, quiet or not, and what does."""
    path = f"/usr/bin/{compiler}"
    result = project.wrap_ok("--quiet", path, "-O2", "-c", "handler.c")
    assert not project.is_scouted("handler.o")
    assert "no unit was treated" in result.err
    assert (path if compiler == "gcc" else "clang version") in result.err
    assert "lp-wrap --trace" in result.err


def test_compiler_by_its_path_among_others(project: Project) -> None:
    """Said too, where other units are treated; and a program of both says which are plain."""
    script = "gcc -O2 -c handler.c && /usr/bin/gcc -c main.c && gcc handler.o main.o -o program"
    result = project.wrap_ok("sh", "-ec", script)
    assert "did not see: /usr/bin/gcc" in result.err
    assert any("no C unit that LakePlacid has seen" in row for row in project.reasons())
    assert project.is_scouted("program")


def test_probes_are_no_unseen_compilers(project: Project) -> None:
    """What lp-cc leaves to the real compiler at once is its own doing."""
    project.write(conftest__c="int main(void) { return 0; }\n")
    result = project.wrap_ok("sh", "-ec", "gcc conftest.c -o conftest && gcc -O2 -c handler.c")
    assert "did not see" not in result.err


def test_other_languages_in_one_command(project: Project) -> None:
    """The C source among them is treated."""
    project.write(part__S="\t.globl part\npart:\tmovl $3, %eax\n\tret\n")
    project.write(main__c=MAIN.replace("long sum = 0", "int part(void); long sum = part()"))
    project.wrap_ok("gcc", "-O2", "handler.c", "main.c", "part.S", "-o", "program")
    assert project.is_scouted("program")
    assert project.run("./program", "5").out == "13\n"


def test_whole_program_of_several_sources(project: Project) -> None:
    """Each is scouted without the option that would make its functions local."""
    project.wrap_ok("gcc", "-O2", "-fwhole-program", "-flto", "handler.c", "main.c", "-o", "prog")
    assert project.reasons() == []
    assert project.is_scouted("prog")
    assert project.run("./prog", "5").out == "10\n"


def test_stripped_program_is_captured(project: Project) -> None:
    """A program has no plain form to strip, and needs none."""
    result = project.wrap_ok("sh", "-ec", "gcc handler.c main.c -o program && strip program")
    assert "nothing is captured" not in result.err
    assert project.reasons() == []
    assert [step.kind for step in project.steps()] == ["link", "convert"]


def test_record_that_is_damaged(project: Project) -> None:
    """What goes wrong beside a tool is in the report, and not taken for an unwritable folder."""
    assert project.cc("-O2", "-c", "handler.c").status == 0
    for path in project.build.path.glob("made/*"):
        path.write_text("{ rubbish", encoding="utf-8")
    result = project.wrap_ok("--quiet", "ar", "rcs", "lib.a", "handler.o")
    assert result.err == ""
    assert any("damaged journal" in row for row in project.reasons())


def test_pipe_in_the_project_is_no_program(project: Project) -> None:
    """Nobody writes to it: to look into it would be to wait for ever."""
    result = project.wrap_ok("--phase", "scout", "sh", "-c", "mkfifo pipe; chmod +x pipe; true")
    assert "no C compiler ran" in result.err
