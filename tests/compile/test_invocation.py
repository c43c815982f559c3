# SPDX-License-Identifier: GPL-2.0-only
"""The model of a compiler's command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from lp_build.compile.invocation import Input, parse_invocation


@pytest.mark.parametrize(
    ("command", "stage"),
    [
        ("x.c", "link"),
        ("-c x.c", "object"),
        ("-S x.c", "assembly"),
        ("-c -S x.c", "assembly"),
        ("-E -c x.c", "preprocess"),
        ("-fsyntax-only -c x.c", "check"),
    ],
)
def test_stage(command: str, stage: str) -> None:
    """The earliest one that is asked for."""
    assert parse_invocation(command.split()).stage == stage


@pytest.mark.parametrize(
    ("command", "inputs"),
    [
        ("-I a.c -c b.c", [("b.c", "c")]),
        ("-MF a.c -MT b.c -c c.c", [("c.c", "c")]),
        ("-include pre.h -D x.c d.c", [("d.c", "c")]),
        ("-x c one -x none two.o three.S", [("one", "c"), ("two.o", "link"), ("three.S", "a")]),
        ("-xc++ one.c", [("one.c", "c++")]),
        ("-Xlinker map.c -T script.c x.c -lm", [("x.c", "c")]),
        ("x.cc y.i z.a w.unknown", [("x.cc", "c++"), ("y.i", "cpp"), ("z.a", "link")]),
        ("--param max=3 -target x86_64 -c x.c", [("x.c", "c")]),
    ],
)
def test_inputs(command: str, inputs: list[tuple[str, str]]) -> None:
    """No argument of an option is taken for one; languages by -x and suffix."""
    found = parse_invocation(command.split()).inputs
    assert [i.path for i in found][: len(inputs)] == [path for path, _ in inputs]
    for one, (_, language) in zip(found, inputs, strict=False):
        assert one.language.startswith(language)


def test_c_is_cplusplus_to_its_compiler() -> None:
    """g++ compiles x.c as C++; -x c says otherwise."""
    assert parse_invocation(["-c", "x.c"], cplusplus=True).inputs == (Input("x.c", "c++"),)
    found = parse_invocation(["-x", "c", "-c", "x.c"], cplusplus=True)
    assert found.inputs == (Input("x.c", "c"),)


@pytest.mark.parametrize(
    ("command", "output"),
    [
        ("-c x.c -o y", "y"),
        ("-c x.c -oy", "y"),
        ("-o a -c x.c -o b", "b"),
        ("-c x.c", None),
    ],
)
def test_output(command: str, output: str | None) -> None:
    """The last one counts."""
    assert parse_invocation(command.split()).output == output


def test_object_without_output_lies_in_the_current_folder() -> None:
    """As the compiler puts it."""
    assert parse_invocation(["-c", "a/b/x.y.c"]).object_for("a/b/x.y.c") == "x.y.o"


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        ("-fPIC -DPIC", ""),
        ("-fPIC", ""),
        ("-fsanitize=address", "sanitizer"),
        ("-fsanitize=address -fno-sanitize=all", ""),
        ("-ffreestanding", "free-standing"),
        ("-ffreestanding -fhosted", ""),
        ("-pg", "profiling"),
        ("-m32", "64-bit"),
        ("-m32 -m64", ""),
        ("-mcmodel=large", "code model"),
        ("-mcmodel=large -mcmodel=small", ""),
        ("-finstrument-functions", "both sides"),
        ("-fprofile-generate", "both sides"),
        ("-fprofile-use=x", "profile"),
        ("-mindirect-branch=thunk", "thunks"),
        ("--coverage", ""),
        ("-fPIE -pie -O3 -flto -g -pthread -fstack-protector-strong", ""),
        ("-D -fPIC", ""),
    ],
)
def test_reason_to_leave_sources_alone(command: str, reason: str) -> None:
    """The last of options that exclude each other counts; arguments are not options."""
    plain = parse_invocation([*command.split(), "-c", "x.c"]).plain
    assert reason in plain
    assert bool(reason) == bool(plain)


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("-fPIC", True),
        ("-fpic -O2", True),
        ("-fPIC -fno-pic", False),
        ("-fPIC -fPIE", False),
        ("-fno-PIC -fPIC", True),
        ("-D -fPIC", False),
        ("-O2", False),
    ],
)
def test_position_independent(command: str, expected: bool) -> None:
    """The last word counts."""
    invocation = parse_invocation([*command.split(), "-c", "x.c"])
    assert invocation.position_independent == expected


@pytest.mark.parametrize(
    ("command", "debug"),
    [
        ("-O2", False),
        ("-g", True),
        ("-g3 -O2", True),
        ("-g -g0", False),
        ("-ggdb3", True),
        ("-gdwarf-4", True),
        ("-g -gsplit-dwarf", True),
        ("-gsplit-dwarf", False),
        ("-g1 -gno-column-info", True),
    ],
)
def test_debug_information(command: str, debug: bool) -> None:
    """Whether it is asked for at all."""
    assert parse_invocation([*command.split(), "-c", "x.c"]).debug == debug


def test_flags_for_preprocessing() -> None:
    """What decides the text stays; what writes files or links goes."""
    command = (
        "-std=gnu99 -O2 -D_FORTIFY_SOURCE=2 -Iinc -isystem sys -include pre.h -MMD -MF x.d -MT x "
        "-Wp,-MD,y.d -Wp,-DX -static -pthread -Wl,-z,now -lm -L lib -pipe -c x.c -o x.o"
    )
    assert (
        parse_invocation(command.split()).preprocess_flags()
        == (
            "-std=gnu99 -O2 -D_FORTIFY_SOURCE=2 -Iinc -isystem sys -include pre.h -Wp,-DX -static "
            "-pthread"
        ).split()
    )


def test_flags_for_edited_text() -> None:
    """What decides the code stays; the preprocessor's, the linker's and warnings go."""
    command = (
        "-std=gnu99 -O2 -g -D X=1 -Iinc -isystem sys -include pre.h -MMD -MF x.d -Wall -Werror "
        "-Wa,--noexecstack -Wl,-z,now -Wno-unused -pedantic-errors -fno-strict-aliasing -march=x "
        "-B tools --coverage -finput-charset=latin1 -nostdinc -fdump-tree-all -x c -c x.c -o x.o"
    )
    assert (
        parse_invocation(command.split()).edited_flags()
        == ("-std=gnu99 -O2 -g -Wa,--noexecstack -fno-strict-aliasing -march=x -B tools -w").split()
    )


UNUSUAL = {"-fplugin=x.so": "plugin", "-wrapper": "runs", "-": "standard input"}


@pytest.mark.parametrize("word", UNUSUAL)
def test_unusual_commands_are_the_compilers(word: str) -> None:
    """They are run as they are, and nothing else; the reason names them."""
    assert UNUSUAL[word] in parse_invocation([word, "x", "-c", "x.c"]).unusual


def test_temporary_files_are_the_real_compiles() -> None:
    """-save-temps is no matter of our own runs."""
    invocation = parse_invocation(["-O2", "-save-temps=obj", "-c", "x.c", "-o", "o/x.o"])
    assert not invocation.unusual
    for flags in (invocation.preprocess_flags(), invocation.edited_flags()):
        assert not any("save-temps" in flag for flag in flags)


def test_long_options_are_short_ones() -> None:
    """gcc's and clang's manuals have both."""
    words = "--compile --output=o/x.o --define-macro X=1 --include-directory=inc x.c".split()
    invocation = parse_invocation(words)
    assert (invocation.stage, invocation.output) == ("object", "o/x.o")
    assert invocation.preprocess_flags() == ["-D", "X=1", "-I", "inc"]


def test_whole_program_is_not_for_one_unit_of_several() -> None:
    """It would make what the others call local."""
    invocation = parse_invocation("-O2 -fwhole-program -flto a.c b.c -o program".split())
    assert "-fwhole-program" not in (*invocation.edited_flags(), *invocation.object_flags())


def test_response_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Read where they stand, nested ones too; one that is not there is a word."""
    monkeypatch.chdir(tmp_path)
    Path("outer").write_text("-O2\n@inner 'a b.c' @missing", encoding="utf-8")
    Path("inner").write_text('-DTEXT=\\"x\\\\\\"\t""', encoding="utf-8")
    words = parse_invocation(["-c", "@outer"]).words
    assert words == ["-c", "-O2", '-DTEXT="x\\"', "", "a b.c", "@missing"]


def test_response_file_that_names_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It ends, whatever comes of it."""
    monkeypatch.chdir(tmp_path)
    Path("loop").write_text("-g @loop", encoding="utf-8")
    assert parse_invocation(["@loop"]).words[-1] == "@loop"
