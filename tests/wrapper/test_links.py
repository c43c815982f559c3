# SPDX-License-Identifier: GPL-2.0-only
"""Links: who gets our runtime, who gets the plain objects, and what is journalled."""

from __future__ import annotations

import pytest

from tests.wrapper.support import Project, Result


@pytest.fixture
def scouted(project: Project) -> Project:
    """Both objects compiled, scouted."""
    assert project.cc("-O2", "-c", "handler.c").status == 0
    assert project.cc("-O2", "-c", "main.c").status == 0
    return project


def works(project: Project, program: str = "./program") -> bool:
    """Whether a program does what it should."""
    result = project.run(program, "1", "5", LP_TRACE_DIR=str(project.root / "traces"))
    return (result.status, result.out, result.err) == (0, "12\n", "")


def good(result: Result) -> bool:
    """Silent success."""
    return (result.status, result.out, result.err) == (0, "", "")


def test_program_gets_the_scouting_runtime(scouted: Project) -> None:
    """And writes traces."""
    assert good(scouted.cc("handler.o", "main.o", "-o", "program"))
    assert scouted.is_scouted("program")
    assert works(scouted)
    assert list((scouted.root / "traces").iterdir())


def test_traces_lie_in_lp_by_default(scouted: Project, tmp_path: object) -> None:
    """Wherever the program is run."""
    assert good(scouted.cc("handler.o", "main.o", "-o", "program"))
    (scouted.root / "elsewhere").mkdir()
    assert scouted.run("sh", "-c", "cd elsewhere && ../program 1 5").out == "12\n"
    assert list(scouted.build.traces.iterdir())


def test_compile_and_link_in_one(project: Project) -> None:
    """The units are treated and captured all the same."""
    assert good(project.cc("-O2", "-g", "handler.c", "main.c", "-o", "program"))
    assert project.is_scouted("program")
    assert works(project)
    (step,) = project.steps()
    assert step.kind == "link"
    assert len(step.inputs) == 2
    assert len(project.units()) == 2


def test_compile_one_link_treated_other(project: Project) -> None:
    """The first, plain attempt must not meet treated objects."""
    assert project.cc("-O2", "-c", "handler.c").status == 0
    assert good(project.cc("-O2", "main.c", "handler.o", "-o", "program"))
    assert project.is_scouted("program")
    assert works(project)


def test_static_library(scouted: Project) -> None:
    """Code of ours travels in its members, and by -l."""
    assert scouted.run("ar", "rcs", "libhandler.a", "handler.o").status == 0
    assert good(scouted.cc("main.o", "-L.", "-lhandler", "-o", "program"))
    assert scouted.is_scouted("program")
    assert works(scouted)
    (step,) = scouted.steps()
    assert [item.path.rpartition("/")[2] for item in step.inputs] == ["main.o", "libhandler.a"]


@pytest.mark.parametrize(
    "words",
    [
        "main.o -L lib -l handler -o program",
        "main.o -Wl,--whole-archive,lib/libhandler.a,--no-whole-archive -o program",
        "main.o -Llib -l:libhandler.a -o program",
        "main.o -Llib -Wl,-Bstatic -lhandler -Wl,-Bdynamic -lm -o program",
        "main.o -Wl,-Llib -Wl,-lhandler -o program",
        "-static main.o -Llib -lhandler -o program",
        "@args",
    ],
)
def test_ways_to_name_a_library(scouted: Project, words: str) -> None:
    """All of them find it, so that `lp build` can put another in its place."""
    (scouted.root / "lib").mkdir()
    scouted.write(args="main.o lib/libhandler.a -o program")
    assert scouted.run("ar", "rcs", "lib/libhandler.a", "handler.o").status == 0
    assert good(scouted.cc(*words.split()))
    (step,) = scouted.steps()
    assert [item.path.rpartition("/")[2] for item in step.inputs] == ["main.o", "libhandler.a"]
    assert works(scouted)


@pytest.fixture
def pure(project: Project) -> Project:
    """An object that was compiled without -fPIC and may be linked into a shared library all the
    same."""
    project.write(pure__c="int pure(int x) { return x ? 3 : 4; }\n")
    assert project.cc("-O2", "-c", "pure.c").status == 0
    assert project.is_scouted("pure.o")
    return project


def test_shared_library_gets_plain_objects(pure: Project) -> None:
    """Directly, and out of a static library."""
    assert good(pure.cc("-shared", "pure.o", "-o", "libpure.so"))
    assert not pure.is_scouted("libpure.so")
    assert pure.run("ar", "rcs", "libpure.a", "pure.o").status == 0
    words = "-shared -Wl,--whole-archive libpure.a -Wl,--no-whole-archive -o libtwo.so"
    assert good(pure.cc(*words.split()))
    assert not pure.is_scouted("libtwo.so")
    assert "pure" in pure.run("nm", "-D", "libtwo.so").out


def test_program_without_library_gets_plain_objects(project: Project) -> None:
    """There is nothing for our runtime to stand on."""
    project.write(start__c="int one(int x) { return x ? 1 : 2; }\nvoid _start(void) { one(1); }\n")
    assert project.cc("-O2", "-c", "start.c").status == 0
    assert good(project.cc("-nostdlib", "-static", "start.o", "-o", "bare"))
    assert not project.is_scouted("bare")


def test_relocatable_object(scouted: Project) -> None:
    """`ld -r`: code of ours travels on; a shared library still gets it plain."""
    assert good(scouted.cc("-r", "handler.o", "main.o", "-o", "both.o"))
    assert scouted.is_scouted("both.o")
    assert good(scouted.cc("both.o", "-o", "program"))
    assert works(scouted)
    assert [step.kind for step in scouted.steps()] == ["relocatable", "link"]


def test_linker_called_by_name(pure: Project) -> None:
    """ld -r is journalled; any other link by it gets the plain objects."""
    pure.wrap_ok("ld", "-r", "pure.o", "-o", "again.o")
    assert pure.is_scouted("again.o")
    pure.wrap_ok("ld", "-shared", "again.o", "-o", "libpure.so")
    assert not pure.is_scouted("libpure.so")


def test_linked_by_the_cplusplus_compiler(scouted: Project) -> None:
    """Its shim adds the runtime for the C objects, though it compiles C++ itself."""
    scouted.write(cxx__cc='extern "C" int handle(int); int main() { return handle(5); }\n')
    result = scouted.wrap_ok("g++", "cxx.cc", "handler.o", "-o", "program")
    assert "g++" in scouted.steps()[-1].argv[0]
    assert scouted.is_scouted("program")
    assert scouted.run("./program", LP_TRACE_DIR=str(scouted.root / "t")).status == 10
    assert result.out == ""


def test_objects_of_another_phase_are_linked_plainly(scouted: Project) -> None:
    """Scouting code has no place in a captured or specialised program."""
    assert good(scouted.cc("handler.o", "main.o", "-o", "program", phase="capture"))
    assert not scouted.is_scouted("program")
    assert works(scouted)


def test_stripped_object(scouted: Project) -> None:
    """strip makes another file of it; it is known again."""
    scouted.wrap_ok("strip", "-g", "handler.o")
    scouted.wrap_ok("objcopy", "--add-symbol", "extra=.text:0", "main.o", "other.o")
    assert good(scouted.cc("handler.o", "other.o", "-o", "program"))
    assert works(scouted)
    kinds = [step.kind for step in scouted.steps()]
    assert kinds == ["convert", "convert", "link"]


def test_stripped_object_in_a_shared_library(pure: Project) -> None:
    """It gets the plain object, stripped."""
    pure.wrap_ok("strip", "-g", "pure.o")
    assert pure.is_scouted("pure.o")
    assert good(pure.cc("-shared", "pure.o", "-o", "libpure.so"))
    assert not pure.is_scouted("libpure.so")


def test_renamed_and_copied_objects(scouted: Project) -> None:
    """Contents tell, not names."""
    assert scouted.run("sh", "-c", "mkdir .libs; mv handler.o .libs/x.o; cp main.o y.o").status == 0
    assert good(scouted.cc(".libs/x.o", "y.o", "-o", "program"))
    assert scouted.is_scouted("program")
    assert works(scouted)


def test_link_that_our_runtime_breaks(scouted: Project) -> None:
    """The user's own link stands, with plain objects, and the report says why."""
    scouted.write(clash__c="int __lp_scout_begin = 1;\nint unused(void) { return 1; }\n")
    assert scouted.run("gcc", "-c", "clash.c").status == 0
    assert good(scouted.cc("handler.o", "main.o", "clash.o", "-o", "program"))
    assert not scouted.is_scouted("program")
    assert works(scouted)
    assert any("can't be linked with our runtime" in reason for reason in scouted.reasons())


def test_link_diagnostics_are_the_linkers_own(scouted: Project) -> None:
    """Those of the user's link with plain objects, once."""
    scouted.write(warned__c="char *tmpnam(char *); char *f(void) { return tmpnam(0); }\n")
    assert scouted.run("gcc", "-c", "warned.c").status == 0
    result = scouted.cc("handler.o", "main.o", "warned.o", "-o", "program")
    plain = "gcc -c handler.c -o p1.o; gcc -c main.c -o p2.o; gcc p1.o p2.o warned.o -o plain"
    assert result.err == scouted.run("sh", "-c", plain).err
    assert "tmpnam" in result.err
    assert scouted.is_scouted("program")


def test_undefined_symbol_is_the_linkers_message(scouted: Project) -> None:
    """Nothing in it of ours."""
    result = scouted.cc("main.o", "-o", "program")
    assert result.status == 1
    assert "undefined reference to `handle'" in result.err
    assert "lp_scout" not in result.err


def test_program_in_use_is_replaced(scouted: Project) -> None:
    """As the linker does: a running one keeps its file."""
    assert good(scouted.cc("handler.o", "main.o", "-o", "program"))
    before = (scouted.root / "program").stat().st_ino
    assert good(scouted.cc("handler.o", "main.o", "-o", "program"))
    assert (scouted.root / "program").stat().st_ino != before


def test_permissions_are_the_linkers(scouted: Project) -> None:
    """By the umask."""
    assert good(scouted.cc("handler.o", "main.o", "-o", "program"))
    assert scouted.run("gcc", "-c", "handler.c", "main.c").status == 0
    assert scouted.run("gcc", "handler.o", "main.o", "-o", "plain").status == 0
    modes = [(scouted.root / name).stat().st_mode for name in ("program", "plain")]
    assert modes[0] == modes[1]


def test_long_command_lines(project: Project) -> None:
    """More words than a command line holds, by a response file."""
    names = []
    (project.root / "long").mkdir()
    assert project.cc("-c", "handler.c").status == 0
    assert project.cc("-c", "main.c").status == 0
    for number in range(40):
        name = f"long/{'x' * 200}{number}.o"
        assert project.run("gcc", "-c", "-x", "c", "/dev/null", "-o", name).status == 0
        names += [name] * 40
    project.write(args="\n".join(["handler.o", "main.o", *names, "-o program"]))
    assert good(project.cc("@args"))
    assert project.is_scouted("program")
    assert works(project)
