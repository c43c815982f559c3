# SPDX-License-Identifier: GPL-2.0-only
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
    "deep": "-O1\n@'in ner'\n",
    "in ner": '-c "odd name.c" @sub/deeper',
    "sub/deeper": "-D'X=a b' -g\t-o 'deep object.o'",
    'it\'s "quoted" \\.c': "int quoted(int a) { if (a) return 5; return 1; }\n",
    "größe-列.c": "int size(int a) { if (a) return 6; return 1; }\n",
    "guarded.c": "#include <stdio.h>\n#define MIN(a, b) ((a) < (b) ? (a) : (b))\n"
    "int guarded(int a, char *s)\n{\n\tswitch (a) {\n\tcase 0:\n\t\tputs(s);\n"
    "\t\t/* fall through */\n\tcase 1:\n\t\treturn MIN(a, 3);\n\t}\n"
    "\tfor (int i = 0; i < a; i++)\n\t\tif (s && s[i] == 'x')\n\t\t\treturn i;\n"
    "\treturn a ? -1 : 0;\n}\n",
    "upper.S": "#ifdef X\n#error X\n#endif\n\t.globl upper\nupper:\tret\n"
    '\t.section .note.GNU-stack,"",@progbits\n',
    "plus.cc": "int plus(int a) { return a ? 1 : 2; }\n",
    "tran.f90": "subroutine tran\nend subroutine\n",
    "generated.c": '#include "not yet.h"\nint g(void) { return 0; }\n',
    "dated.c": "const char *when = __DATE__ __TIME__ __FILE__;\n"
    "int dated(int a) { if (a) return 1; return 2; }\n",
}


@dataclass(frozen=True)
class Case:
    """A command in a folder with FILES. `before`: plain commands that come first. ours: the file
    that must have scouting code in it; others may be left plain. stdin: what stands there.
    settings: the environment's."""

    name: str
    words: tuple[str, ...]
    before: tuple[tuple[str, ...], ...] = ()
    ours: str = ""
    stdin: str = ""
    settings: tuple[tuple[str, str], ...] = ()


def case(
    name: str, command: str, *before: str, ours: str = "", stdin: str = "", **settings: str
) -> Case:
    """A case from a command line; `~` stands for a blank within a word."""

    def split(text: str) -> tuple[str, ...]:
        return tuple(word.replace("~", " ") for word in text.split())

    lines = tuple(split(line) for line in before)
    return Case(name, split(command), lines, ours, stdin, tuple(settings.items()))


ONE = "int one(int a) { if (a) return 2; return 1; }\n"
ABOUT = [
    case("commands", "-### -O2 -c handler.c -o x.o"),
    case("commands_link", "-### handler.c main.c"),
    case("verbose_version", "-v"),
    case("verbose", "-v -c handler.c", ours="handler.o"),
    case("verbose_link", "-v main.o handler.o -o program", "cc -c handler.c main.c"),
    case("times", "-dumpversion -c handler.c"),
    case("print_file", "-print-file-name=libc.a"),
    case("print_program", "-print-prog-name=as -c handler.c"),
    case("print_multi", "-print-multi-os-directory"),
    case("help", "--help"),
    case("help_of_options", "-Q --help=common -O2"),
    case("target_help_and_compile", "-c handler.c --version"),
]
INPUTS = [
    case("standard_input", "-x c -", stdin=MAIN.replace("handle(", "abs(")),
    case("standard_input_object", "-x c -c - -o stdin.o", stdin=ONE),
    case("standard_input_after_dash_c", "-c -xc -", stdin=ONE),
    case("standard_input_preprocess", "-E -", stdin=ONE),
    case("standard_input_preprocess_c", "-E -x c -dM -", stdin=ONE),
    case("standard_input_broken", "-x c -c -", stdin="int x = ;\n"),
    case("standard_input_dependencies", "-x c -MMD -MF in.d -c - -o stdin.o", stdin=ONE),
    case("standard_input_device", "-x c -c /dev/stdin -o stdin.o", stdin=ONE),
    case("standard_input_with_file", "handler.c -x c - -o program", stdin=MAIN),
    case("quotes_in_name", '-O2 -c it\'s~"quoted"~\\.c -o q\'".o', ours="q'\".o"),
    case("other_letters", "-MMD -c größe-列.c", ours="größe-列.o"),
    case("blank_in_output", "handler.c main.c -o pro~gram", ours="pro gram"),
    case("response_nested_quoted", "@deep", ours="deep object.o"),
    case("response_in_the_middle", "-MMD @deep -MF sub/d.d", ours="deep object.o"),
    case("full_path", "-c ./sub/../handler.c -o ./sub/x.o", ours="sub/x.o"),
    case("twice", "-c handler.c -o a.o -o b.o"),
    case("assembler_preprocessed", "-c upper.S", ours=""),
    case("assembler_defined", "-DX -c upper.S"),
    case("assembler_among", "-c handler.c upper.S helper.s", ours="handler.o"),
    case("cplusplus", "-c plus.cc"),
    case("cplusplus_among", "-c plus.cc handler.c", ours="handler.o"),
    case("cplusplus_language", "-x c++ -c handler.c"),
    case("fortran", "-c tran.f90"),
    case("preprocessed_among", "handler.i main.c -o program", "cc -E handler.c -o handler.i"),
    case("source_is_a_folder", "-c sub -o x.o"),
    case("header", "shown.h -o shown.h.gch"),
    case("to_nowhere_link", "handler.c main.c -o /dev/null"),
]
PREPROCESSING = [
    case("rules", "-M deps.c"),
    case("rules_to_file", "-M -MF sub/m.d deps.c"),
    case("rules_of_two", "-MM -MP deps.c handler.c"),
    case("rules_output", "-MM deps.c -o sub/o.d"),
    case("rules_generated", "-MM -MG generated.c"),
    case("rules_targets", "-MM -MT one -MQ $two -MT three~four deps.c"),
    case("rules_and_preprocess", "-E -MMD deps.c -o deps.i"),
    case("rules_and_assembly", "-S -MMD deps.c"),
    case("dependencies_by_environment", "-c deps.c", DEPENDENCIES_OUTPUT="sub/env.d target"),
    case("dependencies_by_suns", "-c deps.c", SUNPRO_DEPENDENCIES="sub/sun.d"),
    case("dependencies_phony", "-MD -MP -c deps.c -o sub/p.o"),
    case("dependencies_mq", "-MD -MQ sub/$x.o -MFsub/q.d -c deps.c", ours=""),
    case("dependencies_of_two", "-MMD -c deps.c handler.c", ours="handler.o"),
    case("dependencies_not_written", "-MMD -MF not/there.d -c deps.c"),
    case("include_macros", "-imacros shown.h -DVALUE=SHOWN -DTEXT=0 -c macro.c"),
    case("include_joined", "-includeshown.h -DVALUE=SHOWN -DTEXT=0 -c macro.c"),
    case("include_missing", "-include none.h -c handler.c"),
    case("include_dash", "-Isub -I- -I. -c handler.c"),
    case("include_quote", "-iquote sub -isystem sub -idirafter . -c deps.c"),
    case("for_preprocessor", "-Wp,-DVALUE=4,-DTEXT=0 -Wp,-MD,sub/w.d -c macro.c"),
    case("for_preprocessor_apart", "-Xpreprocessor -DVALUE=4 -DTEXT=0 -c macro.c"),
    case("macros_of_compiler", "-dM -E handler.c"),
    case("comments", "-E -C -P handler.c"),
    case("traditional", "-E -traditional-cpp handler.c"),
    case("include_by_environment", "-c deps.c", C_INCLUDE_PATH="sub", CPATH="."),
]
CODE_OPTIONS = [
    case("pipe", "-pipe -O2 -c handler.c", ours="handler.o"),
    case("assembly_to_output", "-O1 -S -o - handler.c"),
    case("assembly_of_two", "-S handler.c main.c"),
    case("for_assembler", "-Wa,--noexecstack -Wa,-ahls=sub/list -c handler.c", ours="handler.o"),
    case("for_assembler_apart", "-Xassembler --noexecstack -c handler.c", ours="handler.o"),
    case("save_temporaries_link", "-save-temps=obj handler.c main.c -o sub/program"),
    case("debug_three", "-g3 -O1 -c handler.c", ours="handler.o"),
    case("debug_split", "-g -gsplit-dwarf -c handler.c -o sub/s.o", ours="sub/s.o"),
    case("debug_split_link", "-gsplit-dwarf -g handler.c main.c -o program", ours="program"),
    case("debug_compressed", "-g -gz -c handler.c", ours="handler.o"),
    case("link_time_object", "-flto -O2 -c handler.c", ours="handler.o"),
    case("link_time_fat", "-flto -ffat-lto-objects -O2 -c handler.c", ours="handler.o"),
    case(
        "link_time_link",
        "-flto=2 -O2 handler.o main.o -o program",
        "cc -flto -O2 -c handler.c main.c",
    ),
    case("whole_program", "-O2 -fwhole-program handler.c -c", ours="handler.o"),
    case("sections", "-ffunction-sections -fdata-sections -Os -c handler.c", ours="handler.o"),
    case("position_independent_program", "-fPIE -O2 -c handler.c", ours="handler.o"),
    case("coverage", "--coverage -O1 -c handler.c", ours="handler.o"),
    case("profile", "-pg -O2 -c handler.c"),
    case("profile_link", "-pg handler.c main.c -o program"),
    case("sanitizer_link", "-fsanitize=address,undefined -g handler.c main.c -o program"),
    case("bits_32", "-m32 -c handler.c"),
    case("stack_usage", "-fstack-usage -c handler.c -o sub/u.o", ours="sub/u.o"),
    case("dumps", "-O2 -fdump-tree-optimized -c handler.c", ours="handler.o"),
    case("prototypes", "-aux-info sub/protos -c handler.c", ours="handler.o"),
    case("records", "-O2 -fsave-optimization-record -c handler.c", ours="handler.o"),
    case("profile_notes", "-ftest-coverage -fprofile-arcs -c handler.c -o sub/c.o"),
    case("strict", "-Wall -Wextra -Wpedantic -Werror -O2 -c guarded.c", ours="guarded.o"),
    case(
        "stricter",
        "-std=c11 -O3 -Wall -Wextra -Wshadow -Wconversion -Wunused-macros -Wswitch-enum "
        "-Wimplicit-fallthrough=5 -Wundef -Wpadded -c guarded.c",
        ours="guarded.o",
    ),
    case("warnings_as_text", "-fdiagnostics-format=json -Wall -c warns.c", ours=""),
    case("warnings_coloured", "-fdiagnostics-color=always -Wall -c warns.c"),
    case("dated", "-O2 -c dated.c", ours="dated.o", SOURCE_DATE_EPOCH="1000000000"),
]
LINKS = [
    case("link_pie", "-fPIE -pie -O2 handler.c main.c -o program", ours="program"),
    case("link_not_pie", "-no-pie -O2 handler.c main.c -o program", ours="program"),
    case("link_static_pie", "-static-pie -fPIE -O2 handler.c main.c -o program", ours="program"),
    case("link_soname", "-shared -fPIC handler.c -Wl,-soname,libh.so.1 -o libhandler.so"),
    case("link_apart", "handler.c main.c -Xlinker -Map -Xlinker sub/x.map -o program"),
    case("link_fatal_warnings", "-Wl,--fatal-warnings handler.c main.c -o program", ours="program"),
    case("link_stripped", "-s -O2 handler.c main.c -o program"),
    case(
        "link_collected",
        "-ffunction-sections -Wl,--gc-sections -Wl,-O1 -Wl,--as-needed handler.c main.c -o program",
        ours="program",
    ),
    case("link_hardened", "-Wl,-z,relro,-z,now,-z,noexecstack handler.c main.c -o program"),
    case("link_build_id", "-Wl,--build-id=none handler.c main.c -o program", ours="program"),
    case("link_libraries_first", "-lm -lpthread main.c -L. handler.c -o program", ours="program"),
    case("link_with_cplusplus", "plus.cc handler.c main.c -o program"),
    case("link_output_missing", "main.c handler.c -o not/there"),
    case("link_only_libraries", "-lm -o program"),
    case("link_no_start", "-nostartfiles -static start.c -o bare"),
    case("link_entry", "-nostdlib -static -e _start start.c -o bare"),
    case("link_dependencies", "-Wl,--dependency-file=sub/l.d handler.c main.c -o program"),
    case("link_traced", "-Wl,-t handler.o main.o -o program", "cc -c handler.c main.c"),
    case("link_stage_given", "-c main.c handler.c -o program"),
]
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
    case("macros", '-DVALUE=3 -DTEXT="x~y" -c macro.c'),
    case("macros_apart", '-D VALUE=3 -D TEXT="x" -U OTHER -I . -include shown.h -c macro.c'),
    case("response_file", "@args"),
    case("response_file_nested", "@nested"),
    case("response_file_backslashes", "@back -o back.o"),
    case("response_file_missing", "@nowhere -c handler.c"),
    case("position_independent", "-fPIC -O2 -c handler.c", ours="handler.o"),
    case("sanitizer", "-fsanitize=undefined -c handler.c"),
    case("save_temporaries", "-save-temps -c handler.c"),
    case("preprocessed", "-c handler.i", "cc -E handler.c -o handler.i"),
    case("old_style", "-std=gnu89 -c knr.c"),
    case("link_time", "-flto -O2 handler.c main.c -o program"),
    case("machine", "-dumpmachine"),
    case("version", "--version"),
    case("map", "-g3 -Wl,-Map,program.map handler.c main.c -o program"),
    *ABOUT,
    *INPUTS,
    *PREPROCESSING,
    *CODE_OPTIONS,
    *LINKS,
]
# Files with code of ours in place of the compiler's may differ in bytes, not in being there.
TEMPORARY = re.compile(r"/tmp/(?:cc\w{6}|\w+-[0-9a-f]{6})")
CODE = (".o", ".map", ".so", "program", "pro gram", "a.out", "bare")


def lay_out(folder: Path) -> None:
    """FILES in an empty folder."""
    (folder / "sub").mkdir(parents=True)
    for name, text in FILES.items():
        (folder / name).write_text(text, encoding="utf-8")


def contents(folder: Path) -> dict[str, bytes]:
    """All files; in those that hold text, temporary files' names are all the same."""
    return {
        str(path.relative_to(folder)): _content(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def _content(path: Path) -> bytes:
    data = path.read_bytes()
    try:
        return TEMPORARY.sub("/tmp/TEMPORARY", data.decode()).encode()
    except UnicodeDecodeError:
        return data


def outcome(case: Case, folder: Path, compiler: list[str], env: dict[str, str]) -> Result:
    """Lay out, run what comes before, and the command. The folder's path is always the same:
    it stands in debug information."""
    shutil.rmtree(folder, ignore_errors=True)
    lay_out(folder)
    for line in case.before:
        assert run(line, folder).status == 0
    env = {**env, **dict(case.settings)}
    done = run([*compiler, *case.words], folder, env, stdin=case.stdin)
    out, err = (TEMPORARY.sub("/tmp/TEMPORARY", text) for text in (done.out, done.err))
    return replace(done, out=out, err=err)


def programs_agree(folder: Path, name: str, plain: bytes) -> None:
    """A linked program does what the plain one does."""
    other = folder.parent / "plain"
    other.write_bytes(plain)
    other.chmod(0o755)
    env = environment(LP_TRACE_DIR=str(folder.parent / "traces"))
    assert run([folder / name, "1", "7"], folder, env) == run([other, "1", "7"], folder)


# Files that name temporary files, or differ from one run of the real compiler to the next: by
# checksums that it draws, times, and addresses.
NEVER_THE_SAME = {
    "map": ("program",),
    "link_time": ("program",),
    "link_time_object": (".o",),
    "link_time_fat": (".o",),
    "link_time_link": (".o", "program"),
    "coverage": (".o", ".gcno"),
    "profile_notes": (".o", ".gcno"),
    "header": (".gch",),
    "records": (".json.gz",),
    "times_trace": (".json",),
}


def check(case: Case, base: Path, compiler: str, *phases: str) -> None:
    """Run the case by the real compiler and by ours, and compare."""
    folder = base / "work"
    expected = outcome(case, folder, [compiler], environment())
    plain = contents(folder)
    lp = base / ".lp"
    for phase in phases:
        for name in ("units", "made", "kept", "objects", "steps"):
            shutil.rmtree(lp / name, ignore_errors=True)
        (base / "lp.toml").write_text('request = "handle"\n', encoding="utf-8")
        env = environment(LP_PHASE=phase, LP_CC=compiler, LP_DIR=str(lp))
        assert outcome(case, folder, ["lp-cc"], {**env, "PATH": tools_path()}) == expected
        made = contents(folder)
        assert sorted(made) == sorted(plain)
        changed = [name for name in made if made[name] != plain[name]]
        allowed = NEVER_THE_SAME.get(case.name, ())
        if phase == "scout":
            allowed = (*allowed, *CODE)
            assert not case.ours or b"lp_scout_units" in made[case.ours]
        assert [name for name in changed if not name.endswith(allowed)] == []
        for name in ("program", "a.out"):
            if name in made:
                programs_agree(folder, name, plain[name])


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder for all: our runtime is compiled in it once."""
    return tmp_path_factory.mktemp("contract")


def tools_path() -> str:
    """PATH with our commands."""
    return f"{Path(tool('lp-cc')).parent}{os.pathsep}{os.environ['PATH']}"


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_as_gcc(case: Case, base: Path) -> None:
    """Everything that a build can see."""
    check(case, base, "gcc", "capture", "scout")


BY_CLANG = frozenset(
    "object several_sources compile_and_link dependencies_named warnings broken link_shared "
    "response_file_nested dependencies_with_link standard_input_object response_nested_quoted "
    "other_letters quotes_in_name strict for_preprocessor debug_split link_time_object "
    "save_temporaries position_independent_program coverage sanitizer rules_targets "
    "link_static_pie dependencies_by_environment verbose".split()
)
# What gcc does not have. -Weverything has warnings about anything that an edit could add.
OF_CLANG = [
    case("commands_journal", "-MJ sub/part.json -c handler.c", ours="handler.o"),
    case("times_trace", "-ftime-trace -c handler.c -o sub/x.o"),
    case("remarks", "-O2 -foptimization-record-file=sub/x.yaml -c handler.c", ours="handler.o"),
    case("serialized", "--serialize-diagnostics sub/x.dia -Wall -c warns.c"),
    case("everything", "-Weverything -c guarded.c", ours="guarded.o"),
    case("long_target", "--target=x86_64-linux-gnu -c handler.c"),
    case("integrated", "-fno-integrated-as -c handler.c", ours="handler.o"),
    case("options_printed", "-c handler.c", CC_PRINT_OPTIONS="1", CC_PRINT_OPTIONS_FILE="sub/o"),
]
CLANGS = [*(c for c in CASES if c.name in BY_CLANG), *OF_CLANG]


@pytest.mark.parametrize("case", CLANGS, ids=lambda c: c.name)
def test_as_clang(case: Case, base: Path) -> None:
    """The same with LP_CC=clang."""
    check(case, base, "clang", "scout")


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
