"""lp-cc against the real compiler: same status, diagnostics, files, and bytes where they can be."""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from lp_build.steps import tool
from tests.wrapper.support import HANDLER, MAIN, Result, environment, run

FILES = {
    "handler.c": HANDLER,
    "main.c": MAIN,
    "shown.h": "#define SHOWN 1\n",
    "deps.c": '#include "shown.h"\n#include <string.h>\nint shown(void) { return SHOWN; }\n',
    "warns.c": "int f(int a, int b) { if (a = b) return 1; int unused; return a; }\n",
    "notes.c": "#warning said\nint g(void) { return 0; }\n",
    "flow.c": "int h(int a) { int x; if (a) x = 1; return x; }\n",
    "broken.c": "int f(void) { return missing; }\nint g( { }\n",
    "gone.c": '#include "not there.h"\nint f(void) { return 1; }\n',
    "odd name.c": "int odd(void) { return 3; }\n",
    "noext": "int noext(void) { return 4; }\n",
    "macro.c": "int value = VALUE;\nconst char *text = TEXT;\n",
    "start.c": "void _start(void) { for (;;) ; }\n",
    "helper.s": "\t.globl helper\nhelper:\tret\n\t.section .note.GNU-stack\n",
    "knr.c": "int add(a, b) int a; int b; { if (a) return b; return a + b; }\n",
    "args": "-O2 -DVALUE=5 '-DTEXT=\"a b\"' -c macro.c",
    "nested": "@args -o nested.o",
    "back": '-DTEXT=\\"x\\ y\\" -DVALUE=1 -c "macro.c"',
}


@dataclass(frozen=True)
class Case:
    """A command in a folder with FILES. `before`: plain commands that come first."""

    name: str
    words: tuple[str, ...]
    before: tuple[tuple[str, ...], ...] = ()


def case(name: str, command: str, *before: str) -> Case:
    """A case from a command line; `~` stands for a blank within a word."""

    def split(text: str) -> tuple[str, ...]:
        return tuple(word.replace("~", " ") for word in text.split())

    return Case(name, split(command), tuple(split(line) for line in before))


CASES = [
    case("object", "-c handler.c"),
    case("object_elsewhere", "-O2 -g -c handler.c -o sub/other.o"),
    case("joined_output", "-c handler.c -osub/joined.o"),
    case("several_sources", "-O1 -c handler.c main.c deps.c"),
    case("compile_and_link", "-O2 handler.c main.c -o program"),
    case("compile_and_link_unnamed", "main.c handler.c"),
    case("compile_one_link_two", "main.c handler.o -o program", "cc -c handler.c"),
    case("link", "main.o handler.o -o program", "cc -c handler.c main.c"),
    case("link_missing_symbol", "main.c -o program"),
    case("link_missing_file", "main.c nothing.o -o program"),
    case("link_missing_library", "main.c handler.c -lnothing_of_that_name -o program"),
    case("link_shared", "-shared -fPIC handler.c -o libhandler.so"),
    case("link_relocatable", "-r handler.o main.o -o both.o", "cc -c handler.c main.c"),
    case("link_nothing_standard", "-nostdlib -static start.c -o bare"),
    case("link_static", "-static -O2 handler.c main.c -o program"),
    case("link_with_assembler", "handler.c main.c helper.s -o program"),
    case("dependencies", "-MMD -c deps.c"),
    case("dependencies_all", "-MD -c deps.c -o sub/deps.o"),
    case("dependencies_named", "-MD -MP -MF sub/x.d -MT target.lo -c deps.c -o deps.o"),
    case("dependencies_joined", "-MMD -MFsub/y.d -MTa~b -c deps.c"),
    case("dependencies_quoted", "-MMD -MQ a$b -c deps.c"),
    case("dependencies_preprocessor", "-Wp,-MMD,sub/z.d -c deps.c"),
    case("dependencies_only", "-MM deps.c"),
    case("dependencies_with_link", "-MMD deps.c handler.c main.c -o program"),
    case("preprocess", "-E deps.c"),
    case("preprocess_to_file", "-E deps.c -o deps.i"),
    case("assembly", "-O1 -S handler.c"),
    case("assembler_source", "-c helper.s"),
    case("check", "-fsyntax-only -Wall warns.c"),
    case("warnings", "-Wall -c warns.c"),
    case("warnings_preprocessor", "-c notes.c"),
    case("warnings_flow", "-O2 -Wall -Wextra -c flow.c"),
    case("warnings_errors", "-Wall -Werror -c warns.c"),
    case("warnings_off", "-w -c warns.c"),
    case("broken", "-c broken.c"),
    case("broken_include", "-MMD -c gone.c"),
    case("broken_among_good", "-c handler.c broken.c main.c"),
    case("broken_link", "broken.c main.c -o program"),
    case("missing_source", "-c nowhere.c"),
    case("unknown_option", "-fno-such-thing-at-all -c handler.c"),
    case("no_input", ""),
    case("no_input_output", "-o program"),
    case("to_nowhere", "-c handler.c -o /dev/null"),
    case("output_folder_missing", "-c handler.c -o not/there.o"),
    case("language", "-x c -c noext -o noext.o"),
    case("language_joined", "-xc -c noext -o noext.o"),
    case("language_none", "-x c noext -x none handler.c main.c -o program"),
    case("blank_in_name", "-c odd~name.c"),
    case("macros", "-DVALUE=3 -DTEXT=\"x~y\" -c macro.c"),
    case("macros_apart", "-D VALUE=3 -D TEXT=\"x\" -U OTHER -I . -include shown.h -c macro.c"),
    case("response_file", "@args"),
    case("response_file_nested", "@nested"),
    case("response_file_backslashes", "@back -o back.o"),
    case("response_file_missing", "@nowhere -c handler.c"),
    case("position_independent", "-fPIC -O2 -c handler.c"),
    case("sanitizer", "-fsanitize=undefined -c handler.c"),
    case("save_temporaries", "-save-temps -c handler.c"),
    case("preprocessed", "-c handler.i", "cc -E handler.c -o handler.i"),
    case("old_style", "-std=gnu89 -c knr.c"),
    case("link_time", "-flto -O2 handler.c main.c -o program"),
    case("machine", "-dumpmachine"),
    case("version", "--version"),
    case("map", "-g3 -Wl,-Map,program.map handler.c main.c -o program"),
]
# Files with code of ours in place of the compiler's may differ in bytes, not in being there.
TEMPORARY = re.compile(r"/tmp/(?:cc\w{6}|\w+-[0-9a-f]{6})")
CODE = (".o", ".map", ".so", "program", "a.out", "bare")


def lay_out(folder: Path) -> None:
    """FILES in an empty folder."""
    (folder / "sub").mkdir(parents=True)
    for name, text in FILES.items():
        (folder / name).write_text(text, encoding="utf-8")


def contents(folder: Path) -> dict[str, bytes]:
    """All files."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def outcome(case: Case, folder: Path, compiler: list[str], env: dict[str, str]) -> Result:
    """Lay out, run what comes before, and the command. The folder's path is always the same:
    it stands in debug information."""
    shutil.rmtree(folder, ignore_errors=True)
    lay_out(folder)
    for line in case.before:
        assert run(line, folder).status == 0
    done = run([*compiler, *case.words], folder, env)
    return replace(done, err=TEMPORARY.sub("/tmp/TEMPORARY", done.err))


def programs_agree(folder: Path, name: str, plain: bytes) -> None:
    """A linked program does what the plain one does."""
    other = folder.parent / "plain"
    other.write_bytes(plain)
    other.chmod(0o755)
    env = environment(LP_TRACE_DIR=str(folder.parent / "traces"))
    assert run([folder / name, "1", "7"], folder, env) == run([other, "1", "7"], folder)


def check(case: Case, folder: Path, compiler: str, *phases: str) -> None:
    """Run the case by the real compiler and by ours, and compare."""
    expected = outcome(case, folder, [compiler], environment())
    plain = contents(folder)
    for phase in phases:
        shutil.rmtree(folder.parent / ".lp", ignore_errors=True)
        (folder.parent / "lp.toml").write_text('request = "handle"\n', encoding="utf-8")
        env = environment(LP_PHASE=phase, LP_CC=compiler, LP_DIR=str(folder.parent / ".lp"))
        assert outcome(case, folder, ["lp-cc"], {**env, "PATH": tools_path()}) == expected
        made = contents(folder)
        assert sorted(made) == sorted(plain)
        changed = [name for name in made if made[name] != plain[name]]
        if phase == "capture":
            # The linker's map and link-time optimisation name temporary files.
            allowed = (".map", "program") if case.name in ("map", "link_time") else ("?",)
            assert [name for name in changed if not name.endswith(allowed)] == []
        assert [name for name in changed if not name.endswith(CODE)] == []
        for name in ("program", "a.out"):
            if name in made:
                programs_agree(folder, name, plain[name])


def tools_path() -> str:
    """PATH with our commands."""
    return f"{Path(tool('lp-cc')).parent}{os.pathsep}{os.environ['PATH']}"


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_as_gcc(case: Case, tmp_path: Path) -> None:
    """Everything that a build can see."""
    check(case, tmp_path / "work", "gcc", "capture", "scout")


BY_CLANG = ("object", "several_sources", "compile_and_link", "dependencies_named", "warnings")
BY_CLANG += ("broken", "link_shared", "response_file_nested", "dependencies_with_link")


@pytest.mark.parametrize("case", [c for c in CASES if c.name in BY_CLANG], ids=lambda c: c.name)
def test_as_clang(case: Case, tmp_path: Path) -> None:
    """The same with LP_CC=clang."""
    check(case, tmp_path / "work", "clang", "scout")


@pytest.mark.parametrize("name", ["object", "warnings", "broken", "compile_and_link"])
def test_without_phase(name: str, tmp_path: Path) -> None:
    """Then lp-cc is the compiler, and leaves nothing."""
    (one,) = [case for case in CASES if case.name == name]
    folder = tmp_path / "work"
    expected = outcome(one, folder, ["cc"], environment())
    plain = contents(folder)
    ours = outcome(one, folder, ["lp-cc"], {**environment(), "PATH": tools_path()})
    assert ours == expected
    assert contents(folder) == plain
    assert not (folder / ".lp").exists()
